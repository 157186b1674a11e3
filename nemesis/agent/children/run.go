package children

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxOutput bounds what is read of a command's output.
const maxOutput = 1 << 20

// Run runs a short command with the agent's own rights and returns its
// standard output. Its input and outputs are files in memory, so nothing has
// to pump them. If it fails the error holds what it complained of; if ctx ends
// first it is killed.
func (o *Owner) Run(ctx context.Context, path string, args []string, stdin []byte) ([]byte, error) {
	var files [3]*os.File
	for i, name := range []string{"stdin", "stdout", "stderr"} {
		fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
		if err != nil {
			return nil, fmt.Errorf("run %s: make its %s: %w", path, name, err)
		}
		files[i] = os.NewFile(uintptr(fd), name)
		defer files[i].Close()
	}
	if _, err := files[0].Write(stdin); err != nil {
		return nil, fmt.Errorf("run %s: fill its input: %w", path, err)
	}
	if _, err := files[0].Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("run %s: rewind its input: %w", path, err)
	}
	child, err := o.Start(Spec{Path: path, Args: append([]string{path}, args...), Env: os.Environ(),
		Stdin: files[0], Stdout: files[1], Stderr: files[2]})
	if err != nil {
		return nil, err
	}
	exit, err := child.Wait(ctx)
	if err != nil {
		if kill := child.Signal(syscall.SIGKILL); kill != nil && !errors.Is(kill, os.ErrProcessDone) {
			return nil, errors.Join(err, kill)
		}
		<-child.Done()
		return nil, fmt.Errorf("run %s %s: %w", path, strings.Join(args, " "), err)
	}
	out, err := content(files[1])
	if err != nil {
		return nil, fmt.Errorf("run %s: read its output: %w", path, err)
	}
	if exit.Status.ExitStatus() != 0 {
		complaint, _ := content(files[2])
		return out, fmt.Errorf("run %s %s: %s: %s", path, strings.Join(args, " "), describe(exit.Status), bytes.TrimSpace(complaint))
	}
	return out, nil
}

func content(f *os.File) ([]byte, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxOutput+1))
	if err == nil && len(b) > maxOutput {
		err = fmt.Errorf("more than %d bytes", maxOutput)
	}
	return b, err
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "ended by " + unix.SignalName(status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}
