package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	tempPrefix = "partita-work-"
	tempLock   = ".lock"
	// tempYoung is how long a folder may be without a lock: whoever makes it is
	// about to take it.
	tempYoung = time.Minute
)

// tempFolder makes a folder for what lives no longer than this process, such
// as builds with a bug, and takes away those that killed processes left.
func tempFolder() (dir string, done func(), err error) {
	if _, err := sweepTemp(); err != nil {
		return "", nil, err
	}
	if dir, err = os.MkdirTemp("", tempPrefix); err != nil {
		return "", nil, fmt.Errorf("a folder for builds (TMPDIR says where): %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, tempLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), os.RemoveAll(dir))
	}
	return dir, func() {
		os.RemoveAll(dir)
		lock.Close()
	}, nil
}

// sweepTemp removes the folders of processes that are no more, and lists them.
func sweepTemp() ([]string, error) {
	found, err := filepath.Glob(filepath.Join(os.TempDir(), tempPrefix+"*"))
	if err != nil {
		return nil, err
	}
	var swept []string
	for _, dir := range found {
		if !abandoned(dir) {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return swept, fmt.Errorf("remove what a killed process left: %w", err)
		}
		swept = append(swept, dir)
	}
	return swept, nil
}

// abandoned says whether nobody holds a folder's lock.
func abandoned(dir string) bool {
	lock, err := os.OpenFile(filepath.Join(dir, tempLock), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		info, err := os.Stat(dir)
		return err == nil && time.Since(info.ModTime()) > tempYoung
	}
	if err != nil {
		return false // somebody else's
	}
	defer lock.Close()
	return syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
