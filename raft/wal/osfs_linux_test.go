package wal

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

// TestKernelsOwnDirectories: nothing can be made in /proc, and directories in
// it cannot be synced.
func TestKernelsOwnDirectories(t *testing.T) {
	if err := (OS{}).MakeDir("/proc/made"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("make /proc/made: %v", err)
	}
	if err := (OS{}).SyncDir("/proc/self"); err == nil {
		t.Error("/proc/self was synced")
	}
	if _, err := Open(OS{}, "/proc/made/below", Options{}); err == nil || !strings.Contains(err.Error(), "wal: make /proc/made/below") {
		t.Errorf("open below /proc/made: %v", err)
	}
}
