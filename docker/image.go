package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

//go:embed Dockerfile
var dockerfile string

//go:embed debootstrap.sh
var debootstrap string

//go:embed hostiptables.sh
var hostiptables string

// How long each way to an image may take.
const (
	pullTimeout  = 20 * time.Second
	buildTimeout = 5 * time.Minute
)

// ImageRef names the base image of this recipe.
func ImageRef() string {
	sum := sha256.Sum256([]byte(dockerfile + debootstrap + hostiptables))
	return "partita-base:" + hex.EncodeToString(sum[:6])
}

// HasImage says whether the engine has the base image.
func HasImage(ctx context.Context, api *client.Client) bool {
	_, err := api.ImageInspect(ctx, ImageRef())
	return err == nil
}

// EnsureImage makes the base image if the engine does not have it: from a
// registry where one can be reached, by debootstrap where not, and out of this
// machine's own iptables where neither works. Progress is told in lines.
func EnsureImage(ctx context.Context, progress io.Writer) (string, error) {
	api, err := Connect()
	if err != nil {
		return "", err
	}
	defer api.Close()
	if HasImage(ctx, api) {
		return ImageRef(), nil
	}
	if _, err := api.Ping(ctx); err != nil {
		return "", fmt.Errorf("docker: the engine does not answer: %w", err)
	}
	var failures []error
	for _, way := range []struct {
		name string
		make func(context.Context, *client.Client) error
	}{
		{"from a registry", fromRegistry},
		{"by debootstrap", func(ctx context.Context, api *client.Client) error { return fromScript(ctx, api, debootstrap) }},
		{"from this machine's iptables", func(ctx context.Context, api *client.Client) error { return fromScript(ctx, api, hostiptables) }},
	} {
		fmt.Fprintf(progress, "image %s: making it %s\n", ImageRef(), way.name)
		began := time.Now()
		err := way.make(ctx, api)
		if err == nil {
			fmt.Fprintf(progress, "image %s: made %s in %.1f s\n", ImageRef(), way.name, time.Since(began).Seconds())
			return ImageRef(), nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		reason, _, _ := strings.Cut(err.Error(), "\n")
		fmt.Fprintf(progress, "image %s: not %s: %s\n", ImageRef(), way.name, reason)
		failures = append(failures, fmt.Errorf("%s: %w", way.name, err))
	}
	return "", fmt.Errorf("docker: no way to make the base image; run as root on Debian, or where a registry can be reached: %w", errors.Join(failures...))
}

// fromRegistry pulls the base of the Dockerfile and builds it.
func fromRegistry(ctx context.Context, api *client.Client) error {
	base, _, _ := strings.Cut(strings.TrimPrefix(dockerfile[strings.Index(dockerfile, "FROM "):], "FROM "), "\n")
	pull, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	out, err := api.ImagePull(pull, base, image.PullOptions{})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, out)
	out.Close()
	if err != nil {
		return err
	}
	var tarball bytes.Buffer
	w := tar.NewWriter(&tarball)
	if err := errors.Join(
		w.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(dockerfile))}),
		func() error { _, err := w.Write([]byte(dockerfile)); return err }(),
		w.Close()); err != nil {
		return err
	}
	ctx, cancelBuild := context.WithTimeout(ctx, buildTimeout)
	defer cancelBuild()
	built, err := api.ImageBuild(ctx, &tarball, build.ImageBuildOptions{Tags: []string{ImageRef()}, Remove: true})
	if err != nil {
		return err
	}
	defer built.Body.Close()
	text, err := io.ReadAll(built.Body)
	if err != nil {
		return err
	}
	if !HasImage(ctx, api) {
		return fmt.Errorf("docker build ended without an image:\n%s", text)
	}
	return nil
}

// fromScript runs a script that leaves a root file system in the folder of
// its first argument, and imports that.
func fromScript(ctx context.Context, api *client.Client, script string) error {
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	dir, err := os.MkdirTemp("", "partita-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	root, path := filepath.Join(dir, "root"), filepath.Join(dir, "make.sh")
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "bash", path, root).CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("%s: %w\n%s", lines[len(lines)-1], err, out)
	}
	tarball := exec.CommandContext(ctx, "tar", "-C", root, "--numeric-owner", "-c", ".")
	stream, err := tarball.StdoutPipe()
	if err != nil {
		return err
	}
	if err := tarball.Start(); err != nil {
		return err
	}
	out, err := api.ImageImport(ctx, image.ImportSource{Source: stream, SourceName: "-"}, ImageRef(), image.ImportOptions{})
	if err == nil {
		_, err = io.Copy(io.Discard, out)
		out.Close()
	}
	return errors.Join(err, tarball.Wait())
}
