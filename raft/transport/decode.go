package transport

import (
	"encoding/binary"
	"errors"
	"fmt"

	"partita/raft/core"
)

// maxMembersBytes bounds the encoding of a configuration: three lists of
// varints, of which the lengths take one byte each.
const maxMembersBytes = 3 * (1 + core.MaxMembers*binary.MaxVarintLen64)

// ErrMalformed is what Decode wraps when bytes are no envelope.
var ErrMalformed = errors.New("transport: malformed envelope")

// Decode reads an envelope that fills b to its last byte, or says why it is
// none by an error that wraps ErrMalformed. Data of the envelope is part of
// b; data of no bytes is nil. What is allocated beside is in proportion to
// len(b), whatever counts b claims.
func Decode(b []byte) (core.Envelope, error) {
	r := &reader{rest: b}
	kind := r.byte()
	e := core.Envelope{From: core.NodeID(r.u64()), To: core.NodeID(r.u64()), Term: core.Term(r.u64())}
	e.Message = r.message(kind)
	if r.err == nil && len(r.rest) > 0 {
		r.fail("%d bytes after the end", len(r.rest))
	}
	if r.err != nil {
		return core.Envelope{}, fmt.Errorf("%w of kind %d: %w", ErrMalformed, kind, r.err)
	}
	return e, nil
}

// reader takes values off the front of bytes. After the first error it gives
// zeros only.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) message(kind byte) core.Message {
	switch kind {
	case kindPreVote:
		return core.PreVote{Last: r.meta()}
	case kindPreVoteReply:
		return core.PreVoteReply{Asked: r.term(), Granted: r.flag()}
	case kindVote:
		return core.Vote{Last: r.meta(), Transfer: r.flag()}
	case kindVoteReply:
		return core.VoteReply{Asked: r.term(), Granted: r.flag()}
	case kindAppend:
		return r.append()
	case kindAppendReply:
		return core.AppendReply{Asked: r.term(), Prev: r.index(), Accepted: r.flag(), Match: r.index(), Hint: r.meta()}
	case kindHeartbeat:
		return core.Heartbeat{Round: r.u64(), Commit: r.index()}
	case kindHeartbeatReply:
		return core.HeartbeatReply{Asked: r.term(), Round: r.u64()}
	case kindInstallSnapshot:
		return r.chunk()
	case kindSnapshotReply:
		return core.SnapshotReply{Asked: r.term(), Snapshot: r.meta(), Match: r.index(), Received: r.u64()}
	case kindReadIndex:
		return core.ReadIndex{ID: r.id(), Lease: r.flag()}
	case kindReadIndexReply:
		return core.ReadIndexReply{ID: r.id(), Refused: r.flag(), Index: r.index(), Lease: r.flag()}
	case kindForward:
		return r.forward()
	case kindForwardReply:
		return core.ForwardReply{ID: r.id(), Refused: r.flag(), Reason: r.reason(), First: r.index()}
	case kindTimeoutNow:
		return core.TimeoutNow{}
	}
	r.fail("no such kind")
	return nil
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
	r.rest = nil
}

// bytes takes n bytes, with no capacity beyond them.
func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.fail("ends %d bytes short", n-len(r.rest))
	}
	if r.err != nil || n == 0 {
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// length reads a count of bytes or things of which each takes at least size
// bytes of what follows, so that no claim is larger than what was received.
func (r *reader) length(size int) int {
	b := r.bytes(4)
	if b == nil {
		return 0
	}
	n := uint64(binary.LittleEndian.Uint32(b))
	if n*uint64(size) > uint64(len(r.rest)) {
		r.fail("claims %d times %d bytes where %d are left", n, size, len(r.rest))
		return 0
	}
	return int(n)
}

func (r *reader) flag() bool {
	b := r.byte()
	if b > 1 {
		r.fail("flag is %d", b)
	}
	return b == 1
}

func (r *reader) reason() core.Reason {
	reason := core.Reason(r.byte())
	if reason > core.Abandoned {
		r.fail("unknown reason %d", reason)
	}
	return reason
}

func (r *reader) term() core.Term   { return core.Term(r.u64()) }
func (r *reader) index() core.Index { return core.Index(r.u64()) }

func (r *reader) meta() core.SnapshotMeta {
	return core.SnapshotMeta{Index: r.index(), Term: r.term()}
}

func (r *reader) id() core.RequestID {
	return core.RequestID{Boot: r.u64(), Number: r.u64()}
}

func (r *reader) append() core.Message {
	m := core.Append{Prev: r.meta(), Commit: r.index()}
	n := r.length(entryHeadBytes)
	if n == 0 {
		return m
	}
	m.Entries = make([]core.Entry, n)
	for i := range m.Entries {
		e := core.Entry{Index: r.index(), Term: r.term(), Kind: core.EntryKind(r.byte())}
		e.Data = r.bytes(r.length(1))
		switch {
		case e.Index != m.Prev.Index+1+core.Index(i):
			r.fail("entry %d stands where %d belongs", e.Index, m.Prev.Index+1+core.Index(i))
		case e.Kind > core.Configuration:
			r.fail("entry %d is of unknown kind %d", e.Index, e.Kind)
		case e.Kind == core.Configuration:
			r.membership(e.Data)
		}
		if r.err != nil {
			return nil
		}
		m.Entries[i] = e
	}
	return m
}

// membership decodes a configuration, which says itself how long it may be.
func (r *reader) membership(b []byte) core.Membership {
	if r.err != nil {
		return core.Membership{}
	}
	if len(b) > maxMembersBytes {
		r.fail("a configuration of %d bytes, the limit is %d", len(b), maxMembersBytes)
		return core.Membership{}
	}
	m, err := core.DecodeMembership(b)
	if err != nil {
		r.fail("%w", err)
	}
	return m
}

func (r *reader) chunk() core.Message {
	m := core.InstallSnapshot{Snapshot: r.meta(), Offset: r.u64(), Done: r.flag()}
	m.Members = r.membership(r.bytes(r.length(1)))
	m.Data = r.bytes(len(r.rest))
	return m
}

func (r *reader) forward() core.Message {
	m := core.Forward{ID: r.id()}
	n := r.length(commandHeadBytes)
	if n == 0 {
		return m
	}
	m.Commands = make([][]byte, n)
	for i := range m.Commands {
		m.Commands[i] = r.bytes(r.length(1))
	}
	return m
}
