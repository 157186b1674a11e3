package memfs

import (
	"errors"
	"io"
	"io/fs"
)

// file is an open file of one incarnation.
type file struct {
	fs     *FS
	name   string
	node   *node
	closed bool
}

// do makes one call of the file, if it is open.
func (f *file) do(op Op, act func() error) error {
	return f.fs.do(op, f.name, func() error {
		if f.closed {
			return &fs.PathError{Op: string(op), Path: f.name, Err: fs.ErrClosed}
		}
		return act()
	})
}

// ReadAt reads from an offset; io.EOF at the end of the file.
func (f *file) ReadAt(b []byte, offset int64) (n int, err error) {
	err = f.do(OpRead, func() error {
		if offset < 0 {
			return &fs.PathError{Op: string(OpRead), Path: f.name, Err: fs.ErrInvalid}
		}
		if offset < int64(len(f.node.visible)) {
			n = copy(b, f.node.visible[offset:])
		}
		if n < len(b) {
			return io.EOF
		}
		return nil
	})
	return n, err
}

// WriteAt writes at an offset; a gap before it is filled with zeros.
func (f *file) WriteAt(b []byte, offset int64) (n int, err error) {
	err = f.do(OpWrite, func() error {
		if offset < 0 {
			return &fs.PathError{Op: string(OpWrite), Path: f.name, Err: fs.ErrInvalid}
		}
		if len(b) > 0 {
			f.node.change(change{offset: offset, data: append([]byte(nil), b...)})
		}
		n = len(b)
		return nil
	})
	return n, err
}

// Close closes the handle and syncs nothing.
func (f *file) Close() error {
	return f.do(OpClose, func() error {
		f.closed = true
		return nil
	})
}

// Size is the file's length in bytes.
func (f *file) Size() (size int64, err error) {
	err = f.do(OpSize, func() error {
		size = int64(len(f.node.visible))
		return nil
	})
	return size, err
}

// Truncate sets the file's length in bytes.
func (f *file) Truncate(size int64) error {
	return f.do(OpTruncate, func() error {
		if size < 0 {
			return &fs.PathError{Op: string(OpTruncate), Path: f.name, Err: fs.ErrInvalid}
		}
		f.node.change(change{offset: size})
		return nil
	})
}

// Sync makes the file's bytes and size durable. When the hook makes it fail,
// its bytes stay visible and are forgotten: no later Sync writes them.
func (f *file) Sync() error {
	reached := false
	err := f.fs.do(OpSync, f.name, func() error {
		reached = true
		if f.closed {
			return &fs.PathError{Op: string(OpSync), Path: f.name, Err: fs.ErrClosed}
		}
		f.node.sync()
		return nil
	})
	if err != nil && !reached && !errors.Is(err, ErrCrashed) {
		f.fs.disk.mu.Lock()
		defer f.fs.disk.mu.Unlock()
		f.node.changes = nil
	}
	return err
}
