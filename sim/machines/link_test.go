package machines

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"partita/nemesis/wire"
	"partita/sim/engine"
)

// cutting is the rule that drops what n1 sends.
var cutting = &wire.Rule{From: "n1"}

func TestLinks(t *testing.T) {
	const (
		closed = "Heartbeat: lost: the connection was closed"
		isCut  = "Heartbeat: lost: the link is cut"
		nobody = "Heartbeat: nobody listens"
	)
	cases := []struct {
		name string
		// run says things and gives the numbers of what has to arrive, in order.
		run   func(r *rig, l *link) []int
		after time.Duration // at the earliest, when it is not zero
		lost  map[string]int
	}{
		{"order is kept", func(r *rig, _ *link) (all []int) {
			for range 500 {
				all = append(all, r.say(1, 2))
				r.sleep(50 * time.Microsecond)
			}
			return all
		}, 0, nil},
		{"a cut shorter than the silence that ends a connection", func(r *rig, l *link) (all []int) {
			all = append(all, r.say(1, 2))
			l.setRule(cutting) // what is in flight is held back as well
			for range 99 {
				all = append(all, r.say(1, 2))
				r.sleep(10 * time.Millisecond)
			}
			all = append(all, r.say(1, 2)) // in flight at the heal
			l.setRule(nil)
			return append(all, r.say(1, 2), r.say(1, 2))
		}, 990 * time.Millisecond, nil},
		{"a heal that is over before anything was sent again", func(r *rig, l *link) (all []int) {
			l.setRule(cutting)
			all = append(all, r.say(1, 2))
			r.sleep(100 * time.Millisecond)
			l.setRule(nil)
			l.setRule(cutting)
			r.sleep(500 * time.Millisecond)
			all = append(all, r.say(1, 2))
			r.sleep(100 * time.Millisecond)
			l.setRule(nil)
			return all
		}, 700 * time.Millisecond, nil},
		{"a cut longer than the silence", func(r *rig, l *link) []int {
			l.setRule(cutting)
			r.say(1, 2)
			r.sleep(1100 * time.Millisecond)
			r.say(1, 2) // finds that the connection has been silent for too long
			r.sleep(100 * time.Millisecond)
			r.say(1, 2)
			r.sleep(100 * time.Millisecond)
			l.setRule(nil)
			r.sleep(redialWithin)
			return []int{r.say(1, 2)}
		}, 1600 * time.Millisecond, map[string]int{closed: 1, isCut: 2}},
		{"a long cut with nothing to carry but at its begin", func(r *rig, l *link) []int {
			l.setRule(cutting)
			r.say(1, 2)
			r.sleep(1100 * time.Millisecond)
			l.setRule(nil)
			r.sleep(redialWithin)
			return []int{r.say(1, 2)}
		}, 1400 * time.Millisecond, map[string]int{closed: 1}},
		{"a long cut with nothing to carry but at its end", func(r *rig, l *link) []int {
			l.setRule(cutting)
			r.sleep(10 * time.Second)
			n := r.say(1, 2)
			r.sleep(100 * time.Millisecond)
			l.setRule(nil)
			return []int{n}
		}, 10100 * time.Millisecond, nil},
		{"more than a connection holds", func(r *rig, l *link) (all []int) {
			l.setRule(cutting)
			for range maxHeld + 76 {
				all = append(all, r.say(1, 2))
			}
			r.sleep(100 * time.Millisecond)
			l.setRule(nil)
			return all[:maxHeld]
		}, 100 * time.Millisecond, map[string]int{isCut: 76}},
		{"the receiver ends with messages in flight and held back", func(r *rig, l *link) []int {
			l.setRule(cutting)
			r.say(1, 2)
			r.sleep(100 * time.Millisecond)
			l.setRule(nil)
			r.say(1, 2)
			r.machine("n2").kill(wire.PathKill)
			r.machine("n2").start()
			r.until("n2 is back", func() bool { return r.machine("n2").process != nil })
			return []int{r.say(1, 2)}
		}, 0, map[string]int{closed: 1, nobody: 1}},
		{"the sender ends with messages in flight", func(r *rig, _ *link) []int {
			n := r.say(1, 2)
			r.machine("n1").kill(wire.PathKill)
			return []int{n}
		}, 0, nil},
		{"the sender is killed with messages held back", func(r *rig, l *link) []int {
			l.setRule(cutting)
			n := r.say(1, 2)
			r.sleep(100 * time.Millisecond)
			r.machine("n1").kill(wire.PathKill)
			l.setRule(nil)
			return []int{n, r.say(1, 2)}
		}, 0, nil},
		{"the sender loses power with messages held back", func(r *rig, l *link) []int {
			l.setRule(cutting)
			r.say(1, 2)
			r.sleep(100 * time.Millisecond)
			r.machine("n1").end(wire.Exit{Code: -1, Signal: wire.SignalPower, Asked: true})
			l.setRule(nil)
			return []int{r.say(1, 2)}
		}, 0, map[string]int{closed: 1}},
		{"nobody listens", func(r *rig, _ *link) []int {
			r.machine("n2").kill(wire.PathKill)
			r.sleep(time.Millisecond)
			r.say(1, 2)
			return nil
		}, 0, map[string]int{nobody: 1}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, quiet(3))
			began := r.e.Now()
			want := c.run(r, r.link(1, 2))
			r.sleep(time.Second)
			got := r.arrivals("n1", "n2")
			if !slices.Equal(numbers(got), want) {
				t.Errorf("arrived %v, want %v", numbers(got), want)
			}
			for _, a := range got {
				if a.at < began+c.after {
					t.Errorf("message %d arrived %v after the begin, want %v at the earliest", a.number, a.at-began, c.after)
				}
			}
			if lost := r.drops(); fmt.Sprint(lost) != fmt.Sprint(c.lost) {
				t.Errorf("lost %v, want %v", lost, c.lost)
			}
		})
	}
}

func TestACutIsOfOneDirection(t *testing.T) {
	r := newRig(t, quiet(3))
	r.must("n2", wire.PathDrop, wire.Drop{Rules: []wire.Rule{{From: "n1", OneWay: true}}})
	r.say(1, 2)
	back, other := r.say(2, 1), r.say(3, 2)
	r.sleep(100 * time.Millisecond)
	if got := r.arrivals("n1", "n2"); len(got) > 0 {
		t.Errorf("%v passed the cut", got)
	}
	if got := numbers(r.arrivals("n2", "n1")); !slices.Equal(got, []int{back}) {
		t.Errorf("the other direction carried %v, want %d", got, back)
	}
	if got := numbers(r.arrivals("n3", "n2")); !slices.Equal(got, []int{other}) {
		t.Errorf("another link carried %v, want %d", got, other)
	}
	s := r.state("n2")
	want := []wire.RuleCount{{Rule: wire.Rule{From: "n1", OneWay: true}, Node: 1}}
	if s.Dropped != 1 || !slices.Equal(s.Rules, want) {
		t.Errorf("dropped %d by %v, want 1 by %v", s.Dropped, s.Rules, want)
	}
	r.must("n2", wire.PathDrop, wire.Drop{})
	if s := r.state("n2"); len(s.Rules) > 0 {
		t.Errorf("rules %v are left", s.Rules)
	}
}

func TestLatencyOfMessages(t *testing.T) {
	r := newRig(t, quiet(3))
	sent := map[int]time.Duration{}
	for range 2000 {
		sent[r.say(1, 2)] = r.e.Now()
		r.sleep(20 * time.Millisecond) // apart, so that none waits for another
	}
	n := r.cfg.Network
	slow := 0
	for _, a := range r.arrivals("n1", "n2") {
		switch took := a.at - sent[a.number]; {
		case took == n.Slow:
			slow++
		case took < n.Least || took > n.Most:
			t.Fatalf("message %d took %v, want %v to %v, or %v", a.number, took, n.Least, n.Most, n.Slow)
		}
	}
	if slow < 5 || slow > 50 {
		t.Errorf("%d of 2000 messages were slow, want about 20", slow)
	}
}

// TestPackets: what a rule about packets does to each message, and that the
// agent counts just that.
func TestPackets(t *testing.T) {
	const sent, spread = 2000, 20 * time.Millisecond
	const ms = int64(time.Millisecond)
	cases := []struct {
		name             string
		rule             wire.PacketRule
		lost, twice, out [2]uint64 // at least, at most
		delayed          uint64
		least, most      time.Duration // on its way
	}{
		{"loss", wire.PacketRule{Loss: 0.5}, [2]uint64{900, 1100}, [2]uint64{}, [2]uint64{}, 0, 0, 10 * time.Millisecond},
		{"all is lost", wire.PacketRule{Loss: 1}, [2]uint64{sent, sent}, [2]uint64{}, [2]uint64{}, 0, 0, 0},
		{"duplicates", wire.PacketRule{Duplicate: 0.5, Spread: int64(spread)}, [2]uint64{}, [2]uint64{900, 1100}, [2]uint64{}, 0, 0, 10*time.Millisecond + spread},
		{"reorder", wire.PacketRule{Reorder: 0.3, Spread: int64(spread)}, [2]uint64{}, [2]uint64{}, [2]uint64{500, 700}, 0, 0, 10*time.Millisecond + spread},
		{"delay", wire.PacketRule{Delay: 50 * ms}, [2]uint64{}, [2]uint64{}, [2]uint64{}, sent, 50 * time.Millisecond, 60 * time.Millisecond},
		{"jitter", wire.PacketRule{Delay: 5 * ms, Jitter: 30 * ms}, [2]uint64{}, [2]uint64{}, [2]uint64{}, sent, 5 * time.Millisecond, 45 * time.Millisecond},
		{"all at once", wire.PacketRule{Loss: 0.2, Duplicate: 0.5, Reorder: 0.5, Delay: ms, Jitter: 5 * ms, Spread: int64(spread)},
			[2]uint64{300, 500}, [2]uint64{700, 900}, [2]uint64{700, 900}, 0, time.Millisecond, 16*time.Millisecond + 2*spread},
		{"no rule", wire.PacketRule{From: "n3", Loss: 1}, [2]uint64{}, [2]uint64{}, [2]uint64{}, 0, 0, 10 * time.Millisecond},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, quiet(3))
			if c.rule.From == "" {
				c.rule.From = "n1"
			}
			r.must("n2", wire.PathPackets, wire.Packets{Rules: []wire.PacketRule{c.rule}})
			at := map[int]time.Duration{}
			for range sent {
				at[r.say(1, 2)] = r.e.Now()
				r.sleep(300 * time.Microsecond)
			}
			r.sleep(time.Second)
			s := r.state("n2")
			if len(s.PacketRules) != 1 || s.PacketRules[0] != c.rule {
				t.Errorf("in force are %+v, want %+v", s.PacketRules, c.rule)
			}
			got := s.Packets
			if c.rule.From == "n1" && got.Seen != sent || c.rule.From != "n1" && got.Seen != 0 {
				t.Errorf("saw %d messages", got.Seen)
			}
			within := func(what string, n uint64, want [2]uint64) {
				if n < want[0] || n > want[1] {
					t.Errorf("%d messages %s, want %d to %d", n, what, want[0], want[1])
				}
			}
			within("lost", got.Lost, c.lost)
			within("duplicated", got.Duplicated, c.twice)
			within("reordered", got.Reordered, c.out)
			if c.delayed > 0 && got.Delayed != c.delayed {
				t.Errorf("%d messages delayed, want %d", got.Delayed, c.delayed)
			}
			arrived(t, r, at, got, c.least, c.most, spread)
		})
	}
}

// arrived compares what arrived with what was counted and allowed.
func arrived(t *testing.T, r *rig, sent map[int]time.Duration, count wire.PacketCount, least, most, spread time.Duration) {
	t.Helper()
	first := map[int]time.Duration{}
	copies, overtaken, highest := uint64(0), uint64(0), 0
	for _, a := range r.arrivals("n1", "n2") {
		if took := a.at - sent[a.number]; took < least || took > most {
			t.Fatalf("message %d took %v, want %v to %v", a.number, took, least, most)
		}
		if before, again := first[a.number]; again {
			copies++
			if a.at-before > spread {
				t.Fatalf("the copy of %d came %v after it", a.number, a.at-before)
			}
			continue
		}
		first[a.number] = a.at
		if a.number < highest {
			overtaken++
		}
		highest = max(highest, a.number)
	}
	if lost := uint64(len(sent) - len(first)); lost != count.Lost {
		t.Errorf("%d messages did not arrive, and %d are counted as lost", lost, count.Lost)
	}
	if copies != count.Duplicated {
		t.Errorf("%d messages came twice, and %d are counted", copies, count.Duplicated)
	}
	// Of those held back some are overtaken by nobody.
	if overtaken > count.Reordered || overtaken < count.Reordered/2 {
		t.Errorf("%d messages were overtaken, of %d that were held back", overtaken, count.Reordered)
	}
}

// TestProbes: the evidence is what the rules say, instant by instant.
func TestProbes(t *testing.T) {
	r := newRig(t, quiet(3))
	type span struct{ since, until time.Duration }
	var cuts []span
	for i := range 5 {
		r.sleep(time.Duration(100+130*i) * time.Millisecond)
		cut := r.must("n2", wire.PathDrop, wire.Drop{Rules: []wire.Rule{{From: "n1"}}})
		r.sleep(time.Duration(30+170*i) * time.Millisecond)
		heal := r.must("n2", wire.PathHeal, nil)
		cuts = append(cuts, span{time.Duration(cut.Ended - epoch), time.Duration(heal.Began - epoch)})
	}
	r.must("n2", wire.PathDrop, wire.Drop{Rules: []wire.Rule{{From: "n1"}}})
	cuts = append(cuts, span{r.e.Now(), time.Hour})
	r.sleep(time.Second)
	since, until := shared(200*time.Millisecond), shared(r.e.Now()-10*time.Millisecond)
	var p wire.Probes
	if err := r.ask("n2", fmt.Sprintf("%s?since=%d&until=%d", wire.PathProbes, since, until), nil, &p); err != nil {
		t.Fatal(err)
	}
	var sent, passed []wire.Probe
	for at := 200 * time.Millisecond; shared(at) < until; at += probeEvery {
		probe := wire.Probe{Number: uint64(at/probeEvery) + 1, At: shared(at)}
		sent = append(sent, probe)
		lands := at + probeFlight
		if !slices.ContainsFunc(cuts, func(c span) bool { return lands >= c.since && lands < c.until }) {
			passed = append(passed, probe)
		}
	}
	if !slices.Equal(p.Sent, sent) {
		t.Errorf("sent %v, want %v", p.Sent, sent)
	}
	if !slices.Equal(p.Received["n1"], passed) || len(passed) == len(sent) || len(passed) < 10 {
		t.Errorf("received of n1 %v, want %v", p.Received["n1"], passed)
	}
	if !slices.Equal(p.Received["n3"], sent) {
		t.Errorf("received of n3 %v, want all", p.Received["n3"])
	}
	for _, bad := range []string{"", "?since=x&until=1", "?since=1", "?since=1&until=%zz"} {
		if err := r.ask("n2", wire.PathProbes+bad, nil, &p); err == nil {
			t.Errorf("probes%s gave no error", bad)
		}
	}
}

// TestWhatHasNotArrivedIsNotReceived: a probe in flight is sent, no more.
func TestWhatHasNotArrivedIsNotReceived(t *testing.T) {
	r := newRig(t, quiet(2))
	at := (r.e.Now()/probeEvery + 1) * probeEvery
	var p wire.Probes
	r.do(func(task *engine.Task) {
		task.Sleep(at + probeFlight/2 - r.e.Now())
		var err error
		if p, err = r.machine("n2").probes(fmt.Sprintf("since=%d&until=%d", shared(at), shared(at+time.Second))); err != nil {
			t.Error(err)
		}
	})
	if len(p.Sent) != 1 || len(p.Received["n1"]) != 0 {
		t.Errorf("sent %v, received %v: want one, and none yet", p.Sent, p.Received)
	}
}
