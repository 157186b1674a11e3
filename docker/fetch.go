package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// FetchData copies a node's data directory into a folder on this machine,
// where it is called data. Stop the node first, or what it writes meanwhile
// may be torn.
func (c *Cluster) FetchData(ctx context.Context, node, folder string) error {
	return c.Fetch(ctx, node, DataDir, folder)
}

// Fetch copies a file or a directory of a node's container, running or not,
// into a folder on this machine, under its own last name. Of what is found
// there only regular files and directories are taken.
func (c *Cluster) Fetch(ctx context.Context, node, path, folder string) error {
	if _, err := c.find(node); err != nil {
		return err
	}
	out, _, err := c.engine.CopyFromContainer(ctx, c.spec.name(node), path)
	if err != nil {
		return fmt.Errorf("docker: fetch %s of %s: %w", path, node, err)
	}
	defer out.Close()
	if err := unpack(tar.NewReader(out), folder); err != nil {
		return fmt.Errorf("docker: fetch %s of %s: %w", path, node, err)
	}
	return nil
}

// unpack writes the regular files of an archive below a folder. os.Root keeps
// a hostile name from leaving it.
func unpack(archive *tar.Reader, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // a directory: nothing is lost
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := filepath.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			if err := root.MkdirAll(name, 0o755); err != nil {
				return err
			}
		case tar.TypeReg:
			if err := unpackFile(root, name, archive); err != nil {
				return err
			}
		}
	}
}

func unpackFile(root *os.Root, name string, from io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}
