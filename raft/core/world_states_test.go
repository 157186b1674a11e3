package core

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
)

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
