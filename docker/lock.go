package docker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// LockName is the file in a run's folder that is locked while the run lives.
const LockName = ".lock"

// ErrLocked says that a run lives in the folder.
var ErrLocked = errors.New("locked by a live run")

// FolderLock is a held lock. The kernel gives it up when the process ends,
// however it ends.
type FolderLock struct{ file *os.File }

// Lock takes the lock of a run's folder, or fails with ErrLocked at once. A
// run takes it before it makes anything, and keeps it until all is removed.
func Lock(folder string) (*FolderLock, error) {
	return lockFile(filepath.Join(folder, LockName))
}

func lockFile(path string) (*FolderLock, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("docker: lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("docker: lock %s: %w", path, err)
	}
	return &FolderLock{file}, nil
}

// Unlock gives the lock up.
func (l *FolderLock) Unlock() error { return l.file.Close() }
