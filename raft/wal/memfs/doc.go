// Package memfs is a file system in memory that loses what a crash may lose.
//
// The nouns:
//
//   - A [Disk] is the medium: it outlives crashes.
//   - An [FS] is one incarnation of the process that uses it, from Mount to
//     Crash or Kill. After that its handles do nothing but return ErrCrashed.
//   - A [Call] is one call of an FS or a file of it. A [Hook] sees each before
//     it happens and decides its [Fate]: go on, fail, or crash there.
//   - A [Loss] says how much of what was not synced a crash takes.
//
// Written bytes, sizes and names are durable once synced; before that, each
// 512-byte sector and each change of a directory may survive or not. A failed
// Sync is the worst kind: its bytes stay readable, are never written, and the
// next Sync says nothing of it.
//
// Everything is decided by the seed and by the order of calls: no goroutine,
// no clock. The package imports nothing of the log; its FS satisfies wal.FS.
package memfs
