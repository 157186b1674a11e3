package core

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"
	"unsafe"
)

// notEncoded are the fields of a Core that its encoding leaves out, each with
// the reason why it may.
var notEncoded = map[string]string{
	"cfg":                "given to DecodeState",
	"rand":               "only lengths of timers come from it",
	"now":                "0 between steps",
	"lead.peers[].bytes": "the sum of what is in flight",
	"disk.completed":     "numbers of writes are counted from it",
	"disk.hardChanged":   "false between steps",
	"disk.newFrom":       "0 between steps",
	"effects":            "those of the last step",
	"reported":           "equals role, term and leader between steps",
	"reason":             "words for the log",
}

// messages has one of every kind.
var messages = []Message{
	PreVote{}, PreVoteReply{}, Vote{}, VoteReply{}, Append{}, AppendReply{}, Heartbeat{}, HeartbeatReply{},
	InstallSnapshot{}, SnapshotReply{}, ReadIndex{}, ReadIndexReply{}, Forward{}, ForwardReply{}, TimeoutNow{},
}

// open makes a field that is not exported settable.
func open(v reflect.Value) reflect.Value {
	return reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
}

// leaves fills a value so that every list has an element, and visits every
// number, truth value and byte in it.
func leaves(v reflect.Value, path string, visit func(path string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if path != "" {
				name = path + "." + name
			}
			if _, ok := notEncoded[name]; !ok {
				leaves(open(v.Field(i)), name, visit)
			}
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		leaves(v.Index(0), path+"[]", visit)
	case reflect.Interface: // a message, which has a test of its own
		if v.IsNil() {
			v.Set(reflect.ValueOf(ReadIndex{}))
		}
	default:
		visit(path, v)
	}
}

// fill gives a leaf a value that is not zero and that a decoder takes.
func fill(_ string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Int:
		v.SetInt(3)
	case reflect.Int64:
		v.SetInt(3)
	default:
		v.SetUint(2)
	}
}

// change gives a leaf another value that a decoder takes.
func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Uint8:
		v.SetUint(v.Uint() ^ 1)
	default:
		v.SetUint(v.Uint() + 1)
	}
}

func fullCore() *Core {
	c := &Core{cfg: Config{ID: 1, Voters: []NodeID{1, 2, 3}, ElectionTimeout: 2, ElectionJitter: 1, Heartbeat: 1, MaxBatch: 1, MaxBatchBytes: 1, MaxInflight: 1, MaxInflightBytes: 1, MaxUncommittedBytes: 1, SnapshotChunk: 1}}
	leaves(reflect.ValueOf(c).Elem(), "", fill)
	return c
}

// TestEveryFieldIsEncoded changes one field after the other, of a Core in which
// nothing is empty. It fails when somebody adds a field and forgets its
// encoding, unless the field is listed above with the reason.
func TestEveryFieldIsEncoded(t *testing.T) {
	was := fullCore().AppendState(nil, nil)
	var paths []string
	leaves(reflect.ValueOf(fullCore()).Elem(), "", func(path string, _ reflect.Value) { paths = append(paths, path) })
	if len(paths) < 50 {
		t.Fatalf("only %d fields were found: %v", len(paths), paths)
	}
	for _, path := range paths {
		c := fullCore()
		leaves(reflect.ValueOf(c).Elem(), "", func(p string, v reflect.Value) {
			if p == path {
				change(v)
			}
		})
		now := c.AppendState(nil, nil)
		if bytes.Equal(now, was) {
			t.Errorf("%s is not encoded", path)
		}
		d, err := DecodeState(c.cfg, now)
		if err != nil {
			t.Errorf("with another %s: %v", path, err)
		} else if again := d.AppendState(nil, nil); !bytes.Equal(again, now) {
			t.Errorf("%s is not decoded as it was", path)
		}
	}
}

// TestEveryMessageIsEncoded does the same for every field of every message.
func TestEveryMessageIsEncoded(t *testing.T) {
	make := func(kind Message, path string) Envelope {
		v := reflect.New(reflect.TypeOf(kind)).Elem()
		leaves(v, "", fill)
		leaves(v, "", func(p string, v reflect.Value) {
			if p == path {
				change(v)
			}
		})
		return Envelope{From: 1, To: 2, Term: 3, Message: v.Interface().(Message)}
	}
	for _, kind := range messages {
		var paths []string
		leaves(reflect.New(reflect.TypeOf(kind)).Elem(), "", func(path string, _ reflect.Value) { paths = append(paths, path) })
		was := make(kind, "").AppendTo(nil, nil)
		for _, path := range paths {
			e := make(kind, path)
			now := e.AppendTo(nil, nil)
			if bytes.Equal(now, was) {
				t.Errorf("%T.%s is not encoded", kind, path)
			}
			if d, err := DecodeEnvelope(now); err != nil || !reflect.DeepEqual(d, e) {
				t.Errorf("%+v decodes to %+v, %v", e, d, err)
			}
		}
	}
}

// visited are cores out of random clusters, each with events for it.
func visited(t *testing.T, size int, visit func(rng *rand.Rand, c *testCluster, m *member)) {
	for seed := range uint64(20) {
		c := newTestCluster(t, seed, size)
		for tick := range 1500 {
			c.tick()
			if c.rng.IntN(3) == 0 {
				c.load()
			}
			if c.rng.IntN(120) == 0 {
				c.misbehave()
			}
			if m := c.members[tick%size]; tick%7 == 0 && m.core != nil {
				visit(rand.New(rand.NewPCG(seed, uint64(tick))), c, m)
			}
		}
	}
}

// pick draws something that may happen to a member. A completion is of the
// append after so many.
func pick(rng *rand.Rand, c *testCluster, m *member, completed uint64) Event {
	now := Instant(rng.IntN(1000 * ms))
	switch rng.IntN(10) {
	case 0:
		return TimerFired{Timer(rng.IntN(3)), now}
	case 1:
		return Propose{[]Proposal{{ID: rng.Uint64N(1000), Data: []byte("x")}}}
	case 2:
		return Read{[]uint64{rng.Uint64N(1000)}, rng.IntN(2) == 0, now}
	case 3:
		return Applied{m.core.applying}
	case 4:
		return Appended{completed + 1 + rng.Uint64N(3)}
	case 5:
		return TransferLeadership{rng.Uint64N(1000), NodeID(1 + rng.IntN(len(c.members)))}
	case 6:
		return ChangeMembers{rng.Uint64N(1000), []Change{{ChangeKind(rng.IntN(3)), NodeID(1 + rng.IntN(len(c.members)))}}}
	}
	e := Envelope{From: 1, Term: m.core.hard.Term, Message: Heartbeat{}}
	if len(c.old) > 0 {
		e = c.old[rng.IntN(len(c.old))]
	}
	e.To = m.id
	if e.From == m.id {
		e.From = m.id%NodeID(len(c.members)) + 1
	}
	return Received{e, now}
}

// plain says effects without what an encoding leaves out, sorted.
func plain(effects []Effect, completed uint64) string {
	var lines []string
	for _, e := range effects {
		switch x := e.(type) {
		case SetTimer:
			x.After = 0
			e = x
		case Changed:
			x.Reason = ""
			e = x
		case AppendLog:
			x.Number -= completed
			e = x
		}
		lines = append(lines, fmt.Sprintf("%T %+v", e, e))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// survives runs a step, in which a core may find out that it is told nonsense.
func survives(c *Core, ev Event, completed uint64) (effects string, ok bool) {
	defer func() {
		if r := recover(); r != nil {
			effects, ok = fmt.Sprint(r), false
		}
	}()
	return plain(c.Step(ev), completed), true
}

// TestDecodedStatesBehaveAlike takes cores out of random clusters and lets
// their clones and what their encodings decode to live through the same.
func TestDecodedStatesBehaveAlike(t *testing.T) {
	steps := 0
	visited(t, 3, func(rng *rand.Rand, c *testCluster, m *member) {
		was := m.core.AppendState(nil, nil)
		cfg := m.core.cfg
		cfg.Seed++
		decoded, err := DecodeState(cfg, was)
		if err != nil {
			t.Fatal(err)
		}
		clone, base := m.core.Clone(), m.core.disk.completed
		for range 12 {
			ev := pick(rng, c, m, clone.disk.completed)
			mirrored := ev
			if a, ok := ev.(Appended); ok {
				mirrored = Appended{a.Number - base}
			}
			want, ok := survives(clone, ev, base)
			got, _ := survives(decoded, mirrored, 0)
			if got != want {
				t.Fatalf("after %+v the clone does\n%s\nand what was decoded\n%s", ev, want, got)
			}
			if !ok {
				break
			}
			if !bytes.Equal(clone.AppendState(nil, nil), decoded.AppendState(nil, nil)) {
				t.Fatalf("after %+v the states differ", ev)
			}
			steps++
		}
		if !bytes.Equal(m.core.AppendState(nil, nil), was) {
			t.Fatal("what happened to the clone changed the original")
		}
	})
	if steps < 10_000 {
		t.Fatalf("only %d steps were compared", steps)
	}
}

// TestRenamedStatesBehaveAlike: a step of a renamed member with a renamed
// message is the renamed step, in everything but the order of messages.
func TestRenamedStatesBehaveAlike(t *testing.T) {
	rename := []NodeID{0, 3, 1, 2}
	back := []NodeID{0, 2, 3, 1}
	sends := func(effects []Effect, rename []NodeID) (sent []string) {
		for _, e := range effects {
			if s, ok := e.(Send); ok {
				sent = append(sent, string(s.Envelope.AppendTo(nil, rename)))
			}
		}
		sort.Strings(sent)
		return sent
	}
	steps := 0
	visited(t, 3, func(rng *rand.Rand, c *testCluster, m *member) {
		cfg := m.core.cfg
		cfg.ID = rename[cfg.ID]
		cfg.Voters = (&flatWriter{rename: rename}).names(cfg.Voters)
		renamed, err := DecodeState(cfg, m.core.AppendState(nil, rename))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(renamed.AppendState(nil, back), m.core.AppendState(nil, nil)) {
			t.Fatal("renamed to and fro the state is another")
		}
		ev, ok := pick(rng, c, m, 0).(Received)
		if !ok {
			return
		}
		own := m.core.Clone()
		if _, ok := survives(own.Clone(), ev, 0); !ok {
			return
		}
		e, err := DecodeEnvelope(ev.Envelope.AppendTo(nil, rename))
		if err != nil {
			t.Fatal(err)
		}
		want, got := sends(own.Step(ev), rename), sends(renamed.Step(Received{e, ev.Now}), nil)
		if !slices.Equal(want, got) || !bytes.Equal(own.AppendState(nil, rename), renamed.AppendState(nil, nil)) {
			t.Fatalf("renamed, %+v does something else", ev)
		}
		steps++
	})
	if steps < 500 {
		t.Fatalf("only %d steps were compared", steps)
	}
}

// FuzzDecodeState: whatever decodes has one encoding, and nothing panics.
func FuzzDecodeState(f *testing.F) {
	cfg := fullCore().cfg
	f.Add(fullCore().AppendState(nil, nil))
	f.Add(Envelope{1, 2, 3, Append{Entries: []Entry{{1, 1, Noop, nil}}}}.AppendTo(nil, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := DecodeState(cfg, b); err == nil {
			once := c.AppendState(nil, nil)
			d, err := DecodeState(cfg, once)
			if err != nil || !bytes.Equal(d.AppendState(nil, nil), once) {
				t.Fatalf("decoded from %x, it is encoded as %x, which is not what that decodes to (%v)", b, once, err)
			}
		}
		if e, err := DecodeEnvelope(b); err == nil {
			if d, err := DecodeEnvelope(e.AppendTo(nil, nil)); err != nil || !reflect.DeepEqual(d, e) {
				t.Fatalf("%+v is encoded as %+v (%v)", e, d, err)
			}
		}
	})
}
