package wal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrLocked is returned by OS.Lock when another process holds the directory.
var ErrLocked = errors.New("wal: another process uses the data directory")

// lockName is the file that is locked in place of the directory, which some
// file systems do not let one lock.
const lockName = "LOCK"

// OS is the operating system's file system.
type OS struct{}

// MakeDir makes a directory and its missing parents, and syncs the parent of
// each. One that exists may have been made just before a crash; its parent is
// synced too, if this process may open it.
func (o OS) MakeDir(dir string) error {
	switch info, err := os.Stat(dir); {
	case err == nil && !info.IsDir():
		return fmt.Errorf("wal: %s is not a directory", dir)
	case err == nil:
		if err := o.SyncDir(filepath.Dir(dir)); !errors.Is(err, os.ErrPermission) {
			return err
		}
		return nil
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	parent := filepath.Dir(dir)
	if err := o.MakeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return o.SyncDir(parent)
}

// Lock takes the directory by flock, which ends with the process at the
// latest. It does not wait: ErrLocked is returned at once.
func (OS) Lock(dir string) (io.Closer, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s", ErrLocked, dir)
		}
		return nil, fmt.Errorf("wal: lock %s: %w", dir, err)
	}
	return file, nil
}

// List gives the names in a directory, sorted.
func (OS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, nil
}

// Create makes an empty file, or empties the one of that name.
func (OS) Create(name string) (File, error) {
	return openOS(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

// Open opens a file that exists, for reading and writing.
func (OS) Open(name string) (File, error) { return openOS(name, os.O_RDWR) }

// Rename gives a file another name in the same directory.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove removes a file's name.
func (OS) Remove(name string) error { return os.Remove(name) }

// SyncDir makes the names in a directory durable by fsync of the directory.
func (OS) SyncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

// osFile adds to an os.File what File asks for beyond it.
type osFile struct{ *os.File }

func openOS(name string, flags int) (File, error) {
	file, err := os.OpenFile(name, flags, 0o644)
	if err != nil {
		return nil, err
	}
	return osFile{file}, nil
}

// Size is the file's length in bytes.
func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Sync is fdatasync: the bytes and the size, without the times that nobody
// reads.
func (f osFile) Sync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
	}
}
