package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"partita/harness/checker"
	"partita/harness/cluster"
	"partita/nemesis/wire"
)

// run carries out a plan on a world and gives what it reported.
func run(t *testing.T, w *world, kind string, o Options, until time.Duration) *record {
	t.Helper()
	r := &record{}
	if err := NewPlan(kind, o, 42, w.Nodes(), until).Run(w, r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEveryFaultIsEvidentAndHealed(t *testing.T) {
	for _, k := range Kinds() {
		for _, nodes := range []int{3, 5} {
			t.Run(fmt.Sprintf("%s of %d", k.Name, nodes), func(t *testing.T) {
				w, o := newWorld(nodes), k.Defaults()
				o.Complete(nodes)
				r := run(t, w, k.Name, o, 80*time.Second)
				schedule := o.Schedule(42, w.Nodes(), 80*time.Second)
				if len(r.faults) != len(schedule) || len(r.events) != 2*len(schedule) {
					t.Fatalf("%d faults, %d events; %d were scheduled", len(r.faults), len(r.events), len(schedule))
				}
				for i, f := range r.faults {
					if !f.Evident || f.Error != "" {
						t.Errorf("%v: not evident: %q %v", schedule[i], f.Error, f.Evidence)
					}
					most := 200 * time.Millisecond
					if k.Name == Power {
						most += powerWithin
					}
					if k.Name == Membership {
						most += 2 * pollEvery
					}
					if late := f.At - schedule[i].At; late < 0 || late > most {
						t.Errorf("%v: in force at %v", schedule[i], f.At)
					}
					if late := f.Healed - schedule[i].Heal; late < 0 || late > 200*time.Millisecond {
						t.Errorf("%v: healed at %v", schedule[i], f.Healed)
					}
				}
				w.whole(t)
				if got := checker.Faults([]string{k.Name}, r.faults); got.Verdict != checker.Valid {
					t.Errorf("%+v", got)
				}
			})
		}
	}
}

func TestEveryFaultThatDoesNothingIsNotEvident(t *testing.T) {
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			w, o := newWorld(5), k.Defaults()
			w.deafRule = true
			for _, m := range w.machines {
				m.stubborn = true
			}
			o.Complete(5)
			r := run(t, w, k.Name, o, 80*time.Second)
			for _, f := range r.faults {
				if f.Evident {
					t.Errorf("evident, though it did nothing: %+v", f)
				}
			}
			if got := checker.Faults([]string{k.Name}, r.faults); len(r.faults) == 0 || got.Verdict != checker.Unknown {
				t.Errorf("%d faults, %+v", len(r.faults), got)
			}
		})
	}
}

func TestTheEndOfTheRunHeals(t *testing.T) {
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			w, o := newWorld(5), k.Defaults()
			w.endAt = 4500 * time.Millisecond // in the middle of the first fault
			o.Complete(5)
			r := run(t, w, k.Name, o, 80*time.Second)
			if len(r.faults) != 1 || r.faults[0].Healed < w.endAt {
				t.Fatalf("got %+v", r.faults)
			}
			w.whole(t)
			if w.now > w.endAt+time.Second {
				t.Errorf("took until %v", w.now)
			}
		})
	}
}

func TestLeaderIsLookedForWhenTheFaultBegins(t *testing.T) {
	for kind, o := range map[string]Options{
		Partition: options(t, Partition, 5, func(o *PartitionOptions) { o.Shapes = []string{Leader} }),
		Kill:      options(t, Kill, 5, func(o *KillOptions) { o.Targets = []string{Leader} }),
		Pause:     options(t, Pause, 5, func(o *PauseOptions) { o.Targets = []string{Leader} }),
		Clock:     options(t, Clock, 5, func(o *ClockOptions) { o.Targets = []string{Leader} }),
		Packets:   options(t, Packets, 5, func(o *PacketsOptions) { o.Targets = []string{Leader} }),
		Power:     options(t, Power, 5, func(o *PowerOptions) { o.Targets = []string{Leader} }),
		Disk:      options(t, Disk, 5, func(o *DiskOptions) { o.Targets = []string{Leader} }),
		Membership: options(t, Membership, 5, func(o *MembershipOptions) {
			o.Shapes, o.Targets = []string{Remove}, []string{Leader}
		}),
	} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(5)
			w.leader = "n4"
			r := run(t, w, kind, o, 10*time.Second)
			if len(r.faults) != 1 || !slices.Equal(r.faults[0].Nodes, []string{"n4"}) || !r.faults[0].Evident {
				t.Errorf("got %+v", r.faults)
			}
		})
		t.Run(kind+" without a leader", func(t *testing.T) {
			w := newWorld(5)
			w.leader = ""
			r := run(t, w, kind, o, 10*time.Second)
			if len(r.faults) != 1 || r.faults[0].Evident || r.faults[0].Error == "" || len(w.commands) > 0 {
				t.Errorf("got %+v after %v", r.faults, w.commands)
			}
		})
	}
}

func TestSlowAgentsDoNotDriftTheSchedule(t *testing.T) {
	w := newWorld(5)
	w.latency = 300 * time.Millisecond
	o := options(t, Partition, 5, func(o *PartitionOptions) { o.Shapes = []string{Halves} })
	r := run(t, w, Partition, o, 80*time.Second)
	last := r.faults[len(r.faults)-1]
	if want := 3*time.Second + 10*7*time.Second; len(r.faults) != 11 || last.At-want > time.Second || !last.Evident {
		t.Errorf("%d faults, the last at %v, want about %v: %+v", len(r.faults), last.At, want, last)
	}
}

func TestAFaultThatIsTooLateIsNotInjected(t *testing.T) {
	w := newWorld(3)
	w.latency = 3 * time.Second
	o := options(t, Pause, 3, func(o *PauseOptions) {
		o.Targets, o.Every, o.For = []string{One}, time.Second, time.Second
	})
	r := run(t, w, Pause, o, 10*time.Second)
	skipped := 0
	for _, f := range r.faults {
		if strings.Contains(f.Error, "not injected") && !f.Evident {
			skipped++
		}
	}
	if len(r.faults) != 7 || skipped < 3 {
		t.Errorf("%d faults, %d skipped", len(r.faults), skipped)
	}
	w.whole(t)
}

func TestAnAgentThatFails(t *testing.T) {
	failing := func(w *world, path string, times int) {
		w.fail = func(c cluster.Command) error {
			if c.Node == "n2" && strings.HasPrefix(c.Path, path) && times > 0 {
				times--
				return errAgent
			}
			return nil
		}
	}
	all := func(o *KillOptions) { o.Targets = []string{All} }
	halves := func(o *PartitionOptions) { o.Shapes = []string{Halves} }
	packetsOfAll := func(o *PacketsOptions) { o.Targets = []string{All} }
	powerOfAll := func(o *PowerOptions) { o.Targets = []string{All} }
	disksOfAll := func(o *DiskOptions) { o.Targets = []string{All} }
	for name, c := range map[string]struct {
		kind   string
		o      Options
		path   string
		times  int
		fatal  bool
		within string // the fault's error
	}{
		"cut on all but one":     {Partition, options(t, Partition, 5, halves), wire.PathDrop, 1, false, "agent of n2"},
		"no look before the cut": {Partition, options(t, Partition, 5, halves), wire.PathState, 1, false, "dropped so far"},
		"no probes":              {Partition, options(t, Partition, 5, halves), wire.PathProbes, 1, false, wire.PathProbes},
		"kill of all but one":    {Kill, options(t, Kill, 5, all), wire.PathKill, 1, false, "agent of n2"},
		"a start at the second":  {Kill, options(t, Kill, 5, all), wire.PathStart, 1, false, ""},
		"no rules on one":        {Packets, options(t, Packets, 5, packetsOfAll), wire.PathPackets, 1, false, "agent of n2"},
		"power of all but one":   {Power, options(t, Power, 5, powerOfAll), wire.PathPower, 1, false, "agent of n2"},
		"no trouble on one disk": {Disk, options(t, Disk, 5, disksOfAll), wire.PathDisk, 1, false, "agent of n2"},
		"never a start":          {Kill, options(t, Kill, 5, all), wire.PathStart, 1000, true, wire.PathStart},
	} {
		t.Run(name, func(t *testing.T) {
			w, r := newWorld(5), &record{}
			failing(w, c.path, c.times)
			err := NewPlan(c.kind, c.o, 1, w.Nodes(), 10*time.Second).Run(w, r)
			if (err != nil) != c.fatal {
				t.Fatalf("the plan ends with %v", err)
			}
			f := r.faults[0]
			if !strings.Contains(f.Error, c.within) || f.Evident != (c.within == "") {
				t.Errorf("evident %v, error %q; want %q", f.Evident, f.Error, c.within)
			}
			if !c.fatal {
				w.whole(t)
			}
		})
	}
}

func TestRulesThatStayAreAnError(t *testing.T) {
	w, r := newWorld(3), &record{}
	w.stuck = true
	o := options(t, Partition, 3, func(o *PartitionOptions) { o.Shapes = []string{One} })
	err := NewPlan(Partition, o, 1, w.Nodes(), 10*time.Second).Run(w, r)
	if err == nil || !strings.Contains(err.Error(), "still holds") {
		t.Errorf("got %v", err)
	}
	err = NewPlan(Packets, options[*PacketsOptions](t, Packets, 3, nil), 1, w.Nodes(), 20*time.Second).Run(w, r)
	if err == nil || !strings.Contains(err.Error(), "rules about packets") {
		t.Errorf("got %v", err)
	}
}

// A disk that fails is evident only by a node that ends of it.
func TestFailingDisks(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(w *world)
		o       func(o *DiskOptions)
		evident bool
		within  string // the fault's error
	}{
		"ends as it must":            {func(*world) {}, func(*DiskOptions) {}, true, ""},
		"makes no call in time":      {func(*world) {}, func(o *DiskOptions) { o.Given = oneDisk(1000) }, false, ""},
		"fails just before the heal": {func(*world) {}, func(o *DiskOptions) { o.Given = oneDisk(100) }, true, ""},
		"goes on":                    {func(w *world) { w.machine("n2").reckless = true }, func(*DiskOptions) {}, false, "n2 goes on after its disk has failed"},
		"did not run":                {func(w *world) { w.machine("n2").pid = 0 }, func(*DiskOptions) {}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(3)
			c.change(w)
			o := options(t, Disk, 3, func(o *DiskOptions) { o.Given = oneDisk(3); c.o(o) })
			r := run(t, w, Disk, o, 10*time.Second)
			if len(r.faults) != 1 || r.faults[0].Evident != c.evident || r.faults[0].Error != c.within {
				t.Errorf("want evident %v and %q: %+v", c.evident, c.within, r.faults)
			}
			w.whole(t)
			// What the plan injects is what the checker excuses.
			node := []checker.NodeRecord{{Node: "n2", Exits: w.machine("n2").exits}}
			if got := checker.Crashes(node, r.faults, bootNS); got.Verdict != checker.Valid {
				t.Errorf("%+v of %+v", got, node)
			}
		})
	}
}

// oneDisk is a failing sync of n2 for a second, at the call of that number.
func oneDisk(call int) Given[DiskFault] {
	at := Timed{At: 3 * time.Second, For: time.Second, Targets: One, Nodes: []string{"n2", "n1", "n3"}}
	return Given[DiskFault]{Faults: []DiskFault{{Timed: at, Shape: FailSync, Calls: []int{call}}}}
}

func TestFlappingComesAndGoes(t *testing.T) {
	w := newWorld(4)
	o := options(t, Partition, 4, func(o *PartitionOptions) { o.Shapes = []string{Flapping} })
	r := run(t, w, Partition, o, 8*time.Second)
	phases := r.faults[0].Evidence["phases"].(map[string]any)
	if phases["asked"] != 4 || phases["evident"] != 4 || !r.faults[0].Evident {
		t.Errorf("4 s in phases of 500 ms: got %v", phases)
	}
	if n := len(w.machine("n1").rules); n != 9 { // four cuts, four joins, the heal's
		t.Errorf("the rules changed %d times", n)
	}
}
