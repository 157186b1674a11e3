package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"golang.org/x/sys/unix"
)

// scriptGrace is how long a script that was told to end may take.
const scriptGrace = 10 * time.Second

// fromScript runs a script that leaves a root file system in the folder of
// its first argument, and imports that.
func fromScript(ctx context.Context, engine *client.Client, script, ref string) error {
	dir, err := os.MkdirTemp("", "partita-image-")
	if err != nil {
		return err
	}
	root := filepath.Join(dir, "root")
	defer func() {
		// debootstrap, when killed, leaves these mounted: nothing may be removed
		// through them.
		for _, name := range []string{"proc", "sys"} {
			_ = unix.Unmount(filepath.Join(root, name), unix.MNT_DETACH) // mostly there is none
		}
		os.RemoveAll(dir)
	}()
	if err := runScript(ctx, script, root); err != nil {
		return err
	}
	return importRoot(ctx, engine, root, ref)
}

// runScript runs a script in a process group of its own, so that all of it
// ends with the context.
func runScript(ctx context.Context, script, root string) error {
	cmd := exec.CommandContext(ctx, "bash", "-c", script, "bash", root)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = scriptGrace
	out, err := cmd.CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("%s (%w); the end of what was said:\n%s", lines[len(lines)-1], err, strings.Join(lines[max(0, len(lines)-20):], "\n"))
	}
	return nil
}

// importRoot makes an image of a root file system.
func importRoot(ctx context.Context, engine *client.Client, root, ref string) error {
	tarball := exec.CommandContext(ctx, "tar", "-C", root, "--numeric-owner", "-c", ".")
	stream, err := tarball.StdoutPipe()
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	if err := tarball.Start(); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	out, err := engine.ImageImport(ctx, image.ImportSource{Source: stream, SourceName: "-"}, ref, image.ImportOptions{})
	if err == nil {
		err = errors.Join(outcome(out), out.Close())
	}
	if err != nil {
		stream.Close() // or tar would wait for a reader, and Wait for tar
		return fmt.Errorf("import: %w", errors.Join(err, tarball.Wait()))
	}
	if err := tarball.Wait(); err != nil {
		return fmt.Errorf("import: tar: %w", err)
	}
	return nil
}
