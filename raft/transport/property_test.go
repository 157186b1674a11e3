package transport

import (
	"bytes"
	"errors"
	"io"
	"math"
	"reflect"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"partita/raft/core"
)

// drawer draws the parts of envelopes.
type drawer struct{ *rapid.T }

func (d drawer) u64(label string) uint64 {
	return rapid.OneOf(rapid.Uint64Range(0, 300), rapid.Just[uint64](math.MaxUint64), rapid.Uint64()).Draw(d.T, label)
}
func (d drawer) term(label string) core.Term   { return core.Term(d.u64(label)) }
func (d drawer) index(label string) core.Index { return core.Index(d.u64(label)) }
func (d drawer) id(label string) core.NodeID   { return core.NodeID(d.u64(label)) }
func (d drawer) flag(label string) bool        { return rapid.Bool().Draw(d.T, label) }

func (d drawer) meta(label string) core.SnapshotMeta {
	return core.SnapshotMeta{Index: d.index(label), Term: d.term(label + "'s term")}
}

func (d drawer) request() core.RequestID {
	return core.RequestID{Boot: d.u64("boot"), Number: d.u64("number")}
}

// bytes of no length are nil, as Decode gives them.
func (d drawer) bytes(label string) []byte {
	if b := rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(d.T, label); len(b) > 0 {
		return b
	}
	return nil
}

func (d drawer) members() core.Membership {
	ids := func(label string, least, most int, not ...core.NodeID) (list []core.NodeID) {
		for _, id := range rapid.SliceOfNDistinct(rapid.Uint64Min(1), least, most, rapid.ID).Draw(d.T, label) {
			if !slices.Contains(not, core.NodeID(id)) {
				list = append(list, core.NodeID(id))
			}
		}
		slices.Sort(list)
		return list
	}
	if d.flag("no members") {
		return core.Membership{}
	}
	m := core.Membership{Voters: ids("voters", 1, 30)}
	m.Outgoing, m.Learners = ids("outgoing", 0, 20), ids("learners", 0, core.MaxMembers-50, m.Voters...)
	return m
}

func (d drawer) append() core.Append {
	m := core.Append{Prev: d.meta("prev"), Commit: d.index("commit")}
	for i := range rapid.IntRange(0, 4).Draw(d.T, "entries") {
		e := core.Entry{
			Index: m.Prev.Index + 1 + core.Index(i), Term: d.term("entry's term"),
			Kind: rapid.SampledFrom([]core.EntryKind{core.Command, core.Noop, core.Configuration}).Draw(d.T, "kind"),
		}
		if e.Data = d.bytes("data"); e.Kind == core.Configuration {
			e.Data = d.members().AppendTo(nil)
		}
		m.Entries = append(m.Entries, e)
	}
	return m
}

func (d drawer) forward() core.Forward {
	m := core.Forward{ID: d.request()}
	for range rapid.IntRange(0, 4).Draw(d.T, "commands") {
		m.Commands = append(m.Commands, d.bytes("command"))
	}
	return m
}

func (d drawer) message() core.Message {
	reason := func() core.Reason {
		return core.Reason(rapid.ByteMax(byte(core.Abandoned)).Draw(d.T, "reason"))
	}
	kinds := []func() core.Message{
		func() core.Message { return core.PreVote{Last: d.meta("last")} },
		func() core.Message { return core.PreVoteReply{Asked: d.term("asked"), Granted: d.flag("granted")} },
		func() core.Message { return core.Vote{Last: d.meta("last"), Transfer: d.flag("transfer")} },
		func() core.Message { return core.VoteReply{Asked: d.term("asked"), Granted: d.flag("granted")} },
		func() core.Message { return d.append() },
		func() core.Message {
			return core.AppendReply{
				Asked: d.term("asked"), Prev: d.index("prev"), Accepted: d.flag("accepted"), Match: d.index("match"), Hint: d.meta("hint"),
			}
		},
		func() core.Message { return core.Heartbeat{Round: d.u64("round"), Commit: d.index("commit")} },
		func() core.Message { return core.HeartbeatReply{Asked: d.term("asked"), Round: d.u64("round")} },
		func() core.Message {
			return core.InstallSnapshot{
				Snapshot: d.meta("snapshot"), Members: d.members(), Offset: d.u64("offset"), Data: d.bytes("data"), Done: d.flag("done"),
			}
		},
		func() core.Message {
			return core.SnapshotReply{Asked: d.term("asked"), Snapshot: d.meta("snapshot"), Match: d.index("match"), Received: d.u64("received")}
		},
		func() core.Message { return core.ReadIndex{ID: d.request(), Lease: d.flag("lease")} },
		func() core.Message {
			return core.ReadIndexReply{ID: d.request(), Refused: d.flag("refused"), Index: d.index("index"), Lease: d.flag("lease")}
		},
		func() core.Message { return d.forward() },
		func() core.Message {
			return core.ForwardReply{ID: d.request(), Refused: d.flag("refused"), Reason: reason(), First: d.index("first")}
		},
		func() core.Message { return core.TimeoutNow{} },
	}
	return rapid.SampledFrom(kinds).Draw(d.T, "kind")()
}

func drawEnvelope(t *rapid.T) core.Envelope {
	d := drawer{t}
	return core.Envelope{From: d.id("from"), To: d.id("to"), Term: d.term("term"), Message: d.message()}
}

// TestAnyEnvelopeSurvivesTheCodec: nor is it the beginning of another, but for
// data that has no length of its own.
func TestAnyEnvelopeSurvivesTheCodec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawEnvelope(t)
		b := Encode([]byte("before"), want)[6:]
		got, err := Decode(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
		whole := len(b)
		if chunk, ok := want.Message.(core.InstallSnapshot); ok {
			whole -= len(chunk.Data)
		}
		cut := rapid.IntRange(0, whole-1).Draw(t, "cut")
		if got, err := Decode(b[:cut]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("%d of %d bytes are %+v, %v", cut, len(b), got, err)
		}
	})
}

// TestChangedBytesAreAnotherEnvelopeOrNone: whatever bytes are changed, they
// are refused or are what Encode writes of what they say.
func TestChangedBytesAreAnotherEnvelopeOrNone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Encode(nil, drawEnvelope(t))
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		e, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v is no ErrMalformed", err)
			}
			return
		}
		if again := Encode(nil, e); !bytes.Equal(again, b) {
			t.Fatalf("%x is %+v, which is %x", b, e, again)
		}
	})
}

// TestAnyStreamOfFrames: frames written one after the other are read again, in
// whatever pieces the network gives them; where the stream breaks, those before
// are whole and an error says whether it broke inside one.
func TestAnyStreamOfFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		envelopes := rapid.SliceOfN(rapid.Custom(drawEnvelope), 0, 6).Draw(t, "envelopes")
		var b []byte
		ends := []int{0}
		for _, e := range envelopes {
			var err error
			if b, err = appendFrame(b, e, 1<<20); err != nil {
				t.Fatal(err)
			}
			ends = append(ends, len(b))
		}
		cut := rapid.IntRange(0, len(b)).Draw(t, "cut")
		var r io.Reader = bytes.NewReader(b[:cut])
		if rapid.Bool().Draw(t, "byte by byte") {
			r = iotest.OneByteReader(r)
		}
		for i, want := range envelopes {
			payload, err := readFrame(r, 1<<20, still)
			if cut < ends[i+1] {
				if orderly := err == io.EOF; err == nil || orderly != (cut == ends[i]) {
					t.Fatalf("frame %d of %d to %d, cut at %d: %v", i, ends[i], ends[i+1], cut, err)
				}
				return
			}
			if err != nil {
				t.Fatalf("frame %d: %v", i, err)
			}
			if got, err := Decode(payload); err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("frame %d: got %+v, %v; want %+v", i, got, err, want)
			}
		}
		if _, err := readFrame(r, 1<<20, still); err != io.EOF {
			t.Fatalf("after the last frame: %v", err)
		}
	})
}

// FuzzHello: whatever a stranger says first, it is refused or is what a member
// would have said.
func FuzzHello(f *testing.F) {
	f.Add(hello{ordinaryStream, 7, 1, 2}.encode())
	f.Add(hello{chunkStream, math.MaxUint64, 3, 4}.encode())
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a.member.of.the.cluster\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := readHello(bytes.NewReader(b))
		if err != nil {
			if !errors.Is(err, errHello) {
				t.Errorf("%v is no errHello", err)
			}
			return
		}
		if again := h.encode(); !bytes.Equal(again, b[:helloBytes]) {
			t.Errorf("%x is %+v, which is %x", b[:helloBytes], h, again)
		}
	})
}

// FuzzEnvelope: what Decode accepts comes through a frame as it is, and does not
// come with a bit flipped.
func FuzzEnvelope(f *testing.F) {
	for _, e := range samples() {
		f.Add(Encode(nil, e), uint16(30))
	}
	f.Fuzz(func(t *testing.T, b []byte, at uint16) {
		e, err := Decode(b)
		if err != nil {
			return
		}
		frame, err := appendFrame(nil, e, len(b))
		if err != nil {
			t.Fatal(err)
		}
		payload, err := readFrame(bytes.NewReader(frame), len(b), still)
		if err != nil || !bytes.Equal(payload, b) {
			t.Errorf("%x came as %x, %v", b, payload, err)
		}
		frame[int(at)%len(frame)] ^= 0x40
		if payload, err := readFrame(bytes.NewReader(frame), 1<<20, still); err == nil {
			t.Errorf("with byte %d flipped %x came as %x", int(at)%len(frame), b, payload)
		}
	})
}
