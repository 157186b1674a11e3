package docker

import (
	"bufio"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/jsonmessage"
)

//go:embed Dockerfile
var dockerfile string

//go:embed debootstrap.sh
var debootstrap string

//go:embed hostiptables.sh
var hostiptables string

// How long each way to an image may take.
const (
	decideTimeout = 15 * time.Second // until a registry has said its first word
	buildTimeout  = 5 * time.Minute
	lockPoll      = 200 * time.Millisecond
)

// way is one way to the image: make leaves it under the given name.
type way struct {
	name string
	make func(ctx context.Context, engine *client.Client, ref string) error
}

// ways lists them, the best first.
func ways() []way {
	return []way{
		{"from a registry", fromRegistry},
		{"by debootstrap", func(ctx context.Context, engine *client.Client, ref string) error {
			return fromScript(ctx, engine, debootstrap, ref)
		}},
		{"from this machine's iptables", func(ctx context.Context, engine *client.Client, ref string) error {
			return fromScript(ctx, engine, hostiptables, ref)
		}},
	}
}

// ImageRef names the base image of this recipe.
func ImageRef() string {
	sum := sha256.Sum256([]byte(dockerfile + debootstrap + hostiptables))
	return "partita-base:" + hex.EncodeToString(sum[:6])
}

// hasImage says whether the engine has an image.
func hasImage(ctx context.Context, engine *client.Client, ref string) bool {
	_, err := engine.ImageInspect(ctx, ref)
	return err == nil
}

// EnsureImage makes the base image if the engine does not have it: from a
// registry where one can be reached, by debootstrap where not, and out of this
// machine's own iptables where neither works. An image counts as made once
// iptables works in it. Progress is told in lines. One process makes it at a
// time; another waits for it.
func EnsureImage(ctx context.Context, progress io.Writer) (string, error) {
	engine, err := connect()
	if err != nil {
		return "", err
	}
	defer func() { _ = engine.Close() }()
	ref := ImageRef()
	if hasImage(ctx, engine, ref) {
		return ref, nil
	}
	if _, err := engine.Ping(ctx); err != nil {
		return "", fmt.Errorf("docker: the engine does not answer (harness doctor says more): %w", err)
	}
	lock, err := lockImage(ctx)
	if err != nil {
		return "", err
	}
	err = makeImage(ctx, engine, ref, ways(), progress)
	return ref, errors.Join(err, lock.Unlock())
}

// lockImage waits until no other process of this user makes the image.
func lockImage(ctx context.Context) (*FolderLock, error) {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("partita-image-%d.lock", os.Getuid()))
	poll := time.NewTicker(lockPoll)
	defer poll.Stop()
	for {
		lock, err := lockFile(path)
		if !errors.Is(err, ErrLocked) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("docker: wait for another process to make the image: %w", ctx.Err())
		case <-poll.C:
		}
	}
}

// makeImage tries one way after the other until one has led to an image that
// works.
func makeImage(ctx context.Context, engine *client.Client, ref string, ways []way, progress io.Writer) error {
	if hasImage(ctx, engine, ref) {
		return nil // somebody else made it meanwhile
	}
	var failures []error
	for _, w := range ways {
		fmt.Fprintf(progress, "image %s: making it %s\n", ref, w.name)
		began := time.Now()
		err := tryWay(ctx, engine, ref, w)
		if err == nil {
			fmt.Fprintf(progress, "image %s: made %s in %.1f s\n", ref, w.name, time.Since(began).Seconds())
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("docker: make the base image: %w", ctx.Err())
		}
		reason, _, _ := strings.Cut(err.Error(), "\n")
		fmt.Fprintf(progress, "image %s: not %s: %s\n", ref, w.name, reason)
		failures = append(failures, fmt.Errorf("%s: %w", w.name, err))
	}
	return fmt.Errorf("docker: no way to make the base image; run once as root on Debian, install iptables, or let the engine reach a registry: %w", errors.Join(failures...))
}

// tryWay makes a candidate, proves it and gives it the image's name: a
// half-made image never bears that.
func tryWay(ctx context.Context, engine *client.Client, ref string, w way) error {
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	candidate := ref + "-candidate"
	if err := w.make(ctx, engine, candidate); err != nil {
		return err
	}
	_, err := runOnce(ctx, engine, candidate, addRule)
	if err == nil {
		err = engine.ImageTag(ctx, candidate, ref)
	}
	_, removeErr := engine.ImageRemove(context.WithoutCancel(ctx), candidate, image.RemoveOptions{})
	return errors.Join(err, gone(removeErr))
}

// fromRegistry builds the Dockerfile, after the image that it builds on was
// pulled: a registry that cannot be reached is found out soon.
func fromRegistry(ctx context.Context, engine *client.Client, ref string) error {
	if base := baseOf(dockerfile); !hasImage(ctx, engine, base) {
		if err := pull(ctx, engine, base); err != nil {
			return fmt.Errorf("pull %s: %w", base, err)
		}
	}
	recipe, err := pack([]file{{"Dockerfile", 0o644, []byte(dockerfile)}}, true)
	if err != nil {
		return err
	}
	built, err := engine.ImageBuild(ctx, strings.NewReader(string(recipe)), build.ImageBuildOptions{Tags: []string{ref}, Remove: true, ForceRemove: true})
	if err != nil {
		return fmt.Errorf("build: %w", err)
	}
	defer built.Body.Close()
	if err := outcome(built.Body); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	return nil
}

// baseOf is the image that a Dockerfile builds on.
func baseOf(dockerfile string) string {
	for line := range strings.Lines(dockerfile) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "FROM" {
			return words[1]
		}
	}
	return ""
}

// pull fetches an image. A registry has decideTimeout for its first word, and
// then as long as there is.
func pull(ctx context.Context, engine *client.Client, ref string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silent := time.AfterFunc(decideTimeout, cancel)
	defer silent.Stop()
	out, err := engine.ImagePull(ctx, ref, image.PullOptions{})
	if err != nil {
		return err
	}
	defer out.Close()
	said := bufio.NewReader(out)
	if _, err := said.Peek(1); err != nil {
		return err
	}
	silent.Stop()
	return outcome(said)
}

// outcome reads the engine's account of a pull, a build or an import to its
// end and gives the error that it holds, if any.
func outcome(account io.Reader) error {
	return jsonmessage.DisplayJSONMessagesStream(account, io.Discard, 0, false, nil)
}
