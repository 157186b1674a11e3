package supervisor

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Own makes the data directory, if it is missing, and gives it and what it
// holds to the node's user and group. What belongs to him already is taken as it
// is, with all below it: root without the capability to override permissions
// could not look into it either.
func Own(folder string, uid int) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("supervisor: make the data directory: %w", err)
	}
	var give []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) == uid {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		give = append(give, path)
		return nil
	})
	if err != nil {
		return fmt.Errorf("supervisor: look through the data directory: %w", err)
	}
	// From the leaves to the root, so that a directory is given away last.
	for i := len(give) - 1; i >= 0; i-- {
		if err := os.Lchown(give[i], uid, uid); err != nil {
			return fmt.Errorf("supervisor: give the data directory to user %d: %w", uid, err)
		}
	}
	return nil
}
