package memfs

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
)

// File is an open file. It is the same type as wal.File.
type File = interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Size() (int64, error)
	Truncate(size int64) error
	Sync() error
}

// FS is one incarnation's view of a disk.
type FS struct {
	disk  *Disk
	locks map[string]bool
}

// do makes one call: asks the hook, then acts under the disk's lock. A change
// that crashes is made first, so that it may survive; a sync is not.
func (f *FS) do(op Op, name string, act func() error) error {
	d := f.disk
	d.mu.Lock()
	if d.mount != f {
		d.mu.Unlock()
		return fmt.Errorf("memfs: %s %s: %w", op, name, ErrCrashed)
	}
	d.calls++
	call, hook, fate := Call{Number: d.calls, Op: op, Name: name}, d.hook, Fate{}
	d.mu.Unlock()
	if hook != nil {
		fate = hook(call)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mount != f {
		return fmt.Errorf("memfs: %s %s: %w", op, name, ErrCrashed)
	}
	if fate.Err != nil {
		return fmt.Errorf("memfs: %s %s: %w", op, name, fate.Err)
	}
	if !fate.Crash {
		return act()
	}
	if op != OpSync && op != OpSyncDir {
		_ = act() // nobody is left to hear of it
	}
	d.crash(fate.Loss)
	return fmt.Errorf("memfs: %s %s: %w", op, name, ErrCrashed)
}

// dir gives the directory of that name.
func (f *FS) dir(op Op, name string) (*directory, error) {
	dir := f.disk.dirs[path.Clean(name)]
	if dir == nil {
		return nil, &fs.PathError{Op: string(op), Path: name, Err: fs.ErrNotExist}
	}
	return dir, nil
}

// find gives the file of that name and the directory it is in.
func (f *FS) find(op Op, name string) (*directory, *node, error) {
	dir, err := f.dir(op, path.Dir(name))
	if err != nil {
		return nil, nil, err
	}
	n := dir.visible[path.Base(name)]
	if n == nil {
		return dir, nil, &fs.PathError{Op: string(op), Path: name, Err: fs.ErrNotExist}
	}
	return dir, n, nil
}

// MakeDir makes a directory and its parents, durably.
func (f *FS) MakeDir(dir string) error {
	return f.do(OpMakeDir, dir, func() error {
		for name := path.Clean(dir); f.disk.dirs[name] == nil; name = path.Dir(name) {
			f.disk.dirs[name] = newDirectory()
		}
		return nil
	})
}

// Lock takes a directory until it is closed or the incarnation ends.
func (f *FS) Lock(dir string) (io.Closer, error) {
	err := f.do(OpLock, dir, func() error {
		if _, err := f.dir(OpLock, dir); err != nil {
			return err
		}
		if f.locks[path.Clean(dir)] {
			return fmt.Errorf("%w: %s", ErrLocked, dir)
		}
		f.locks[path.Clean(dir)] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	return lock{fs: f, dir: path.Clean(dir)}, nil
}

// lock gives a directory up when it is closed.
type lock struct {
	fs  *FS
	dir string
}

// Close gives the directory up.
func (l lock) Close() error {
	return l.fs.do(OpClose, l.dir, func() error {
		delete(l.fs.locks, l.dir)
		return nil
	})
}

// List gives the names of the files in a directory, sorted.
func (f *FS) List(dir string) ([]string, error) {
	var names []string
	err := f.do(OpList, dir, func() error {
		d, err := f.dir(OpList, dir)
		if err != nil {
			return err
		}
		names = slices.Sorted(maps.Keys(d.visible))
		return nil
	})
	return names, err
}

// Create makes an empty file, or empties the one of that name.
func (f *FS) Create(name string) (File, error) {
	var n *node
	err := f.do(OpCreate, name, func() error {
		dir, old, err := f.find(OpCreate, name)
		switch {
		case dir == nil:
			return err
		case old != nil:
			old.change(change{})
			n = old
		default:
			n = &node{}
			dir.change(naming{to: path.Base(name), node: n})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &file{fs: f, name: name, node: n}, nil
}

// Open opens a file that exists.
func (f *FS) Open(name string) (File, error) {
	var n *node
	err := f.do(OpOpen, name, func() (err error) {
		_, n, err = f.find(OpOpen, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &file{fs: f, name: name, node: n}, nil
}

// Rename gives a file another name in the same directory; it replaces a file
// of that name.
func (f *FS) Rename(from, to string) error {
	return f.do(OpRename, from, func() error {
		dir, n, err := f.find(OpRename, from)
		if err != nil {
			return err
		}
		if path.Dir(from) != path.Dir(to) {
			return &fs.PathError{Op: string(OpRename), Path: to, Err: fs.ErrInvalid}
		}
		if from != to {
			dir.change(naming{from: path.Base(from), to: path.Base(to), node: n})
		}
		return nil
	})
}

// Remove removes a file's name. Handles that are open stay good.
func (f *FS) Remove(name string) error {
	return f.do(OpRemove, name, func() error {
		dir, _, err := f.find(OpRemove, name)
		if err != nil {
			return err
		}
		dir.change(naming{from: path.Base(name)})
		return nil
	})
}

// SyncDir makes the names in a directory durable.
func (f *FS) SyncDir(dir string) error {
	return f.do(OpSyncDir, dir, func() error {
		d, err := f.dir(OpSyncDir, dir)
		if err != nil {
			return err
		}
		d.sync()
		return nil
	})
}
