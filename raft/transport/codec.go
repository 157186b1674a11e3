package transport

import (
	"encoding/binary"
	"fmt"

	"partita/raft/core"
)

// An envelope in bytes; numbers are little-endian, "meta" is an index and a
// term of 8 bytes each, "id" is a boot and a number of 8 bytes each, a flag
// is one byte, 0 or 1.
//
//	0      1      9      17     25
//	+------+------+------+------+------ - - -
//	| kind | from | to   | term | body
//	+------+------+------+------+------ - - -
//
//	kind               body
//	 1 PreVote         meta last
//	 2 PreVoteReply    asked 8 | granted 1
//	 3 Vote            meta last | transfer 1
//	 4 VoteReply       asked 8 | granted 1
//	 5 Append          meta prev | commit 8 | count 4 | count times entry
//	 6 AppendReply     asked 8 | prev 8 | accepted 1 | match 8 | meta hint
//	 7 Heartbeat       round 8 | commit 8
//	 8 HeartbeatReply  asked 8 | round 8
//	 9 InstallSnapshot meta snapshot | offset 8 | done 1 | members | data up to the end
//	10 SnapshotReply   asked 8 | meta snapshot | match 8 | received 8
//	11 ReadIndex       id | lease 1
//	12 ReadIndexReply  id | refused 1 | index 8 | lease 1
//	13 Forward         id | count 4 | count times ( length 4 | command )
//	14 ForwardReply    id | refused 1 | reason 1 | first 8
//	15 TimeoutNow      nothing
//
//	entry: index 8 | term 8 | kind 1 | length 4 | data
//	members: length 4 | a configuration as core encodes it
//
// The data of an entry that is a configuration has to be one.
const (
	kindPreVote byte = 1 + iota
	kindPreVoteReply
	kindVote
	kindVoteReply
	kindAppend
	kindAppendReply
	kindHeartbeat
	kindHeartbeatReply
	kindInstallSnapshot
	kindSnapshotReply
	kindReadIndex
	kindReadIndexReply
	kindForward
	kindForwardReply
	kindTimeoutNow
)

// Sizes in bytes of what stands in front of variable data.
const (
	entryHeadBytes   = 21
	commandHeadBytes = 4
)

// Encode appends an envelope's bytes to dst. It panics when the message is of
// no kind that this file knows, which is a fault of the program.
func Encode(dst []byte, e core.Envelope) []byte {
	head := len(dst)
	dst = append(dst, 0)
	dst = put64(dst, uint64(e.From), uint64(e.To), uint64(e.Term))
	kind := byte(0)
	switch m := e.Message.(type) {
	case core.PreVote:
		kind, dst = kindPreVote, putMeta(dst, m.Last)
	case core.PreVoteReply:
		kind, dst = kindPreVoteReply, putFlag(put64(dst, uint64(m.Asked)), m.Granted)
	case core.Vote:
		kind, dst = kindVote, putFlag(putMeta(dst, m.Last), m.Transfer)
	case core.VoteReply:
		kind, dst = kindVoteReply, putFlag(put64(dst, uint64(m.Asked)), m.Granted)
	case core.Append:
		kind, dst = kindAppend, putAppend(dst, m)
	case core.AppendReply:
		dst = putFlag(put64(dst, uint64(m.Asked), uint64(m.Prev)), m.Accepted)
		kind, dst = kindAppendReply, putMeta(put64(dst, uint64(m.Match)), m.Hint)
	case core.Heartbeat:
		kind, dst = kindHeartbeat, put64(dst, m.Round, uint64(m.Commit))
	case core.HeartbeatReply:
		kind, dst = kindHeartbeatReply, put64(dst, uint64(m.Asked), m.Round)
	case core.InstallSnapshot:
		kind, dst = kindInstallSnapshot, putChunk(dst, m)
	case core.SnapshotReply:
		dst = putMeta(put64(dst, uint64(m.Asked)), m.Snapshot)
		kind, dst = kindSnapshotReply, put64(dst, uint64(m.Match), m.Received)
	case core.ReadIndex:
		kind, dst = kindReadIndex, putFlag(put64(dst, m.ID.Boot, m.ID.Number), m.Lease)
	case core.ReadIndexReply:
		dst = putFlag(put64(dst, m.ID.Boot, m.ID.Number), m.Refused)
		kind, dst = kindReadIndexReply, putFlag(put64(dst, uint64(m.Index)), m.Lease)
	case core.Forward:
		kind, dst = kindForward, putForward(dst, m)
	case core.ForwardReply:
		dst = append(putFlag(put64(dst, m.ID.Boot, m.ID.Number), m.Refused), byte(m.Reason))
		kind, dst = kindForwardReply, put64(dst, uint64(m.First))
	case core.TimeoutNow:
		kind = kindTimeoutNow
	default:
		panic(fmt.Sprintf("transport: invariant broken: every message has a kind; %T has none", m))
	}
	dst[head] = kind
	return dst
}

func put64(dst []byte, values ...uint64) []byte {
	for _, v := range values {
		dst = binary.LittleEndian.AppendUint64(dst, v)
	}
	return dst
}

func putFlag(dst []byte, set bool) []byte {
	if set {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func putMeta(dst []byte, m core.SnapshotMeta) []byte {
	return put64(dst, uint64(m.Index), uint64(m.Term))
}

func putAppend(dst []byte, m core.Append) []byte {
	dst = put64(putMeta(dst, m.Prev), uint64(m.Commit))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(m.Entries)))
	for _, e := range m.Entries {
		dst = append(put64(dst, uint64(e.Index), uint64(e.Term)), byte(e.Kind))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(e.Data)))
		dst = append(dst, e.Data...)
	}
	return dst
}

func putChunk(dst []byte, m core.InstallSnapshot) []byte {
	dst = putFlag(put64(putMeta(dst, m.Snapshot), m.Offset), m.Done)
	length := len(dst)
	dst = m.Members.AppendTo(append(dst, 0, 0, 0, 0))
	binary.LittleEndian.PutUint32(dst[length:], uint32(len(dst)-length-4))
	return append(dst, m.Data...)
}

func putForward(dst []byte, m core.Forward) []byte {
	dst = put64(dst, m.ID.Boot, m.ID.Number)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(m.Commands)))
	for _, c := range m.Commands {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(c)))
		dst = append(dst, c...)
	}
	return dst
}
