package catalogue

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// Root finds the folder of the sources: the one with this module's go.mod, at
// or above dir.
func Root(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("catalogue: %w", err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		text, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module partita\n") {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("the sources of partita are not at or above %s; run the command inside the checkout", dir)
		}
	}
}

// Apply gives the changed text of every file that the bug touches, by its path
// below root. A hunk that does not fit exactly is an error.
func (b Bug) Apply(root string) (map[string][]byte, error) {
	changed := map[string][]byte{}
	for _, f := range b.files {
		source, err := os.ReadFile(filepath.Join(root, f.OldName))
		if err != nil {
			return nil, fmt.Errorf("bugs/%s.patch: %w", b.Slug, err)
		}
		var out bytes.Buffer
		if err := gitdiff.Apply(&out, bytes.NewReader(source), f); err != nil {
			return nil, fmt.Errorf("bugs/%s.patch does not fit %s any more: %w", b.Slug, f.OldName, err)
		}
		changed[f.OldName] = out.Bytes()
	}
	return changed, nil
}

// Build compiles a package below root, such as ./node, into out: statically,
// with the bug put back if one is given.
func Build(ctx context.Context, root string, bug *Bug, pkg, out string) error {
	overlay := ""
	if bug != nil {
		dir, err := os.MkdirTemp(filepath.Dir(out), "overlay-")
		if err != nil {
			return fmt.Errorf("catalogue: %w", err)
		}
		defer os.RemoveAll(dir)
		changed, err := bug.Apply(root)
		if err != nil {
			return err
		}
		if overlay, err = Overlay(root, dir, changed); err != nil {
			return err
		}
	}
	return BuildWith(ctx, root, overlay, pkg, out)
}

// BuildWith compiles a package below root into out, with an overlay unless
// that is empty.
func BuildWith(ctx context.Context, root, overlay, pkg, out string) error {
	return compile(ctx, root, overlay, pkg, "build", "-trimpath", "-ldflags=-s -w", "-o", out)
}

// BuildTests compiles the tests of a package below root into out, likewise.
func BuildTests(ctx context.Context, root, overlay, pkg, out string) error {
	return compile(ctx, root, overlay, pkg, "test", "-c", "-o", out)
}

func compile(ctx context.Context, root, overlay, pkg string, args ...string) error {
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("building %s: the go command is not on the PATH", pkg)
		}
		return fmt.Errorf("building %s: %w\n%s", pkg, err, bytes.TrimSpace(output))
	}
	return nil
}

// Overlay writes changed files, given by their paths below root, into a folder,
// and with them the table that go build -overlay reads, whose path it gives.
func Overlay(root, dir string, changed map[string][]byte) (string, error) {
	replace := map[string]string{}
	for name, text := range changed {
		copied := filepath.Join(dir, strings.ReplaceAll(name, "/", "__"))
		if err := os.WriteFile(copied, text, 0o644); err != nil {
			return "", fmt.Errorf("catalogue: %w", err)
		}
		replace[filepath.Join(root, name)] = copied
	}
	table, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("catalogue: %w", err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, table, 0o644); err != nil {
		return "", fmt.Errorf("catalogue: %w", err)
	}
	return path, nil
}
