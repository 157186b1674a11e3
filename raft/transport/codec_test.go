package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"partita/raft/core"
)

// samples has at least one envelope of every kind of message.
func samples() []core.Envelope {
	meta := core.SnapshotMeta{Index: 17, Term: 4}
	id := core.RequestID{Boot: 3, Number: 1 << 60}
	members := core.Membership{Voters: []core.NodeID{1, 2, 300}, Outgoing: []core.NodeID{1, 2, 3}, Learners: []core.NodeID{4}}
	messages := []core.Message{
		core.PreVote{Last: meta},
		core.PreVoteReply{Asked: 5, Granted: true},
		core.Vote{Last: meta},
		core.Vote{Last: meta, Transfer: true},
		core.VoteReply{Asked: 5},
		core.Append{Prev: meta, Commit: 12},
		core.Append{Prev: meta, Commit: 17, Entries: []core.Entry{
			{Index: 18, Term: 4, Kind: core.Noop},
			{Index: 19, Term: 5, Kind: core.Command, Data: []byte("set x")},
			{Index: 20, Term: 5, Kind: core.Configuration, Data: members.AppendTo(nil)},
		}},
		core.AppendReply{Asked: 5, Prev: 17, Accepted: true, Match: 19, Hint: meta},
		core.Heartbeat{Round: 9, Commit: 17},
		core.HeartbeatReply{Asked: 5, Round: 9},
		core.InstallSnapshot{Snapshot: meta, Members: members, Offset: 1 << 40, Data: []byte("state"), Done: true},
		core.InstallSnapshot{Snapshot: meta},
		core.SnapshotReply{Asked: 5, Snapshot: meta, Match: 17},
		core.SnapshotReply{Asked: 5, Snapshot: meta, Match: 3, Received: 1 << 40},
		core.ReadIndex{ID: id},
		core.ReadIndex{ID: id, Lease: true},
		core.ReadIndexReply{ID: id, Refused: true},
		core.ReadIndexReply{ID: id, Index: 17, Lease: true},
		core.Forward{ID: id},
		core.Forward{ID: id, Commands: [][]byte{[]byte("a"), nil, []byte("ccc")}},
		core.ForwardReply{ID: id, Refused: true, Reason: core.Abandoned},
		core.ForwardReply{ID: id, First: 20},
		core.TimeoutNow{},
	}
	var all []core.Envelope
	for _, m := range messages {
		all = append(all, core.Envelope{From: 1, To: 2, Term: 5, Message: m})
	}
	return all
}

func TestRoundTripOfEveryKind(t *testing.T) {
	seen := map[byte]bool{}
	for _, want := range samples() {
		t.Run(fmt.Sprintf("%T", want.Message), func(t *testing.T) {
			b := Encode(nil, want)
			seen[b[0]] = true
			got, err := Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
	for kind := kindPreVote; kind <= kindTimeoutNow; kind++ {
		if !seen[kind] {
			t.Errorf("no sample of kind %d", kind)
		}
	}
}

func TestDecodeRefusesTruncated(t *testing.T) {
	for _, e := range samples() {
		b := Encode(nil, e)
		if s, ok := e.Message.(core.InstallSnapshot); ok {
			b = b[:len(b)-len(s.Data)] // the data has no length of its own
		}
		for n := range len(b) {
			if _, err := Decode(b[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%T cut to %d of %d bytes: %v", e.Message, n, len(b), err)
			}
		}
	}
}

func TestDecodeRefusesHostile(t *testing.T) {
	meta := core.SnapshotMeta{Index: 17, Term: 4}
	entries := []core.Entry{{Index: 18, Term: 4, Data: []byte("x")}}
	of := func(m core.Message, change func(b []byte)) []byte {
		b := Encode(nil, core.Envelope{From: 1, To: 2, Message: m})
		change(b)
		return b
	}
	chunk := core.InstallSnapshot{Snapshot: meta, Members: core.Membership{Voters: []core.NodeID{1, 2, 3}}, Data: make([]byte, 4000)}
	const members = 25 + 16 + 8 + 1 // where the length of a chunk's members is
	configuration := core.Append{Prev: meta, Entries: []core.Entry{{Index: 18, Kind: core.Configuration, Data: []byte{1, 1, 0}}}}
	appendOf := func(change func(b []byte)) []byte {
		b := Encode(nil, core.Envelope{From: 1, To: 2, Message: core.Append{Prev: meta, Entries: entries}})
		change(b)
		return b
	}
	const counts, first = 25 + 24, 25 + 28 // where the count of entries and the first entry are
	forward := Encode(nil, core.Envelope{From: 1, To: 2, Message: core.Forward{Commands: [][]byte{[]byte("x")}}})
	binary.LittleEndian.PutUint32(forward[25+16:], 1<<32-1)
	tests := []struct {
		name  string
		bytes []byte
		says  string
	}{
		{"nothing", nil, "short"},
		{"unknown kind", append([]byte{200}, make([]byte, 24)...), "no such kind"},
		{"kind zero", make([]byte, 25), "no such kind"},
		{"flag of two", append(Encode(nil, core.Envelope{Message: core.VoteReply{}})[:33], 2), "flag"},
		{"bytes after the end", append(Encode(nil, samples()[0]), 0), "after the end"},
		{"four billion entries", appendOf(func(b []byte) { binary.LittleEndian.PutUint32(b[counts:], 1<<32-1) }), "claims"},
		{"entry out of order", appendOf(func(b []byte) { b[first] = 20 }), "stands where"},
		{"entry of unknown kind", appendOf(func(b []byte) { b[first+16] = 9 }), "unknown kind"},
		{"entry longer than the frame", appendOf(func(b []byte) { b[first+17] = 2 }), "claims"},
		{"four billion commands", forward, "claims"},
		{"unknown reason", of(core.ForwardReply{}, func(b []byte) { b[25+17] = byte(core.Abandoned) + 1 }), "unknown reason"},
		{"four billion bytes of members", of(chunk, func(b []byte) { binary.LittleEndian.PutUint32(b[members:], 1<<32-1) }), "claims"},
		{"too many bytes of members", of(chunk, func(b []byte) { binary.LittleEndian.PutUint32(b[members:], 4000) }), "the limit is"},
		{"members that are none", of(chunk, func(b []byte) { b[members+4+1] = 2 }), "must be sorted"},
		{"members cut short", of(chunk, func(b []byte) { b[members]-- }), "not the encoding of a configuration"},
		{"entry that is no configuration", of(configuration, func([]byte) {}), "not the encoding of a configuration"},
		{"now and then some", append(of(core.TimeoutNow{}, func([]byte) {}), 0), "after the end"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Decode(test.bytes)
			if !errors.Is(err, ErrMalformed) || !strings.Contains(fmt.Sprint(err), test.says) {
				t.Errorf("got %v, want a malformed envelope that %q", err, test.says)
			}
		})
	}
}

// FuzzDecode: whatever is received, Decode does not panic, and what it
// accepts is what Encode would have written.
func FuzzDecode(f *testing.F) {
	for _, e := range samples() {
		f.Add(Encode(nil, e))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		if err != nil {
			return
		}
		if again := Encode(nil, e); !bytes.Equal(again, b) {
			t.Errorf("decoded %x, encoded %x", b, again)
		}
	})
}

// FuzzReadFrame: a stream of any bytes gives frames that were framed, or an
// error, and allocates in proportion to what came.
func FuzzReadFrame(f *testing.F) {
	for _, e := range samples() {
		frame, err := appendFrame(nil, e, 1<<20)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		payload, err := readFrame(bytes.NewReader(b), 1<<20, func() error { return nil })
		if err == nil && !bytes.Equal(payload, b[frameHeadBytes:frameHeadBytes+len(payload)]) {
			t.Errorf("payload %x out of %x", payload, b)
		}
	})
}
