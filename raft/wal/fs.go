package wal

import "io"

// FS is what the log needs of a file system. Names are paths. Nothing is
// durable before a sync: a file's bytes and size by File.Sync, its name by
// SyncDir of its directory.
type FS interface {
	// MakeDir makes a directory and its parents if they are missing, durably.
	MakeDir(dir string) error
	// Lock takes the directory for this process alone, until it is closed.
	Lock(dir string) (io.Closer, error)
	// List gives the names in a directory, sorted.
	List(dir string) ([]string, error)
	// Create makes an empty file, or empties the one of that name.
	Create(name string) (File, error)
	// Open opens a file that exists, for reading and writing.
	Open(name string) (File, error)
	// Rename gives a file another name in the same directory, atomically; it
	// replaces a file of that name.
	Rename(from, to string) error
	// Remove removes a file's name.
	Remove(name string) error
	// SyncDir makes the names in a directory durable.
	SyncDir(dir string) error
}

// File is an open file of an FS. It is an alias of a nameless interface so
// that a file system can implement FS without importing this package.
type File = interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Size is the file's length in bytes.
	Size() (int64, error)
	// Truncate sets the file's length in bytes.
	Truncate(size int64) error
	// Sync makes the file's bytes and size durable.
	Sync() error
}
