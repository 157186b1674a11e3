// Package wal is the durable log of a Raft member: hard state, entries and
// snapshots (figure 2, "persistent state on all servers"; §7).
//
// The nouns:
//
//   - A [Log] is one directory: numbered segments beside the newest snapshot.
//   - A [Batch] is what becomes durable together: a hard state and entries.
//     Each is one record of a segment; one fdatasync covers an Append.
//   - A segment starts with a record that repeats the hard state and says
//     which entry comes before its first, so that older segments can go.
//   - A mark, in every record's header, says up to where the log was durable
//     when the record was written. A bad record below a mark is corruption
//     and refused with a [CorruptError]; one above every mark is the torn end
//     of a write that nobody was promised, and is cut.
//   - A snapshot carries the configuration as of its last entry, since the
//     entries that said so may be gone. A [Chunk] is a piece of it, read and
//     checked without the rest, for a leader that sends it to a follower.
//   - An [FS] is the file system below: the operating system's, or the one in
//     memory of package memfs, which loses what was not synced.
//
// Recovery takes the newest valid snapshot, at index I and term T. If the log
// holds the entry I with term T it is kept; otherwise it is discarded and
// restarted after the snapshot. So a Reset that is interrupted needs no
// atomicity: its snapshot alone decides.
package wal
