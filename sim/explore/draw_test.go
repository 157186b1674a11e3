package explore

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"partita/harness/scenario"
	"partita/nemesis"
	"partita/sim/play"
)

func kindNames() []string {
	var all []string
	for _, k := range nemesis.Kinds() {
		all = append(all, k.Name)
	}
	return all
}

func draw(t *testing.T, seed int64, o Options) (*scenario.Scenario, string) {
	t.Helper()
	s, err := Draw(seed, o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.YAML()
	if err != nil {
		t.Fatal(err)
	}
	return s, string(text)
}

func sets(t *testing.T, args ...string) Options {
	t.Helper()
	var o Options
	for _, arg := range args {
		one, err := scenario.ParseSet(arg)
		if err != nil {
			t.Fatal(err)
		}
		o.Overrides = append(o.Overrides, one)
	}
	return o
}

// TestDraw: whatever kinds of faults are allowed, a seed draws the same
// scenario each time, which is read back as it was written, and has what was
// asked for.
func TestDraw(t *testing.T) {
	cases := []Options{{}, {Faults: kindNames()}}
	for _, kind := range kindNames() {
		cases = append(cases, Options{Faults: []string{kind}})
	}
	for _, o := range cases {
		t.Run(strings.Join(o.Faults, " "), func(t *testing.T) {
			t.Parallel()
			drawn := map[string]int{}
			seeds := int64(2000)
			if len(o.Faults) == 1 {
				seeds = 400
			}
			for seed := range seeds {
				s, err := Draw(seed, o)
				if err != nil {
					t.Fatal(err)
				}
				if seed%10 == 0 {
					_, text := draw(t, seed, o)
					if _, again := draw(t, seed, o); again != text {
						t.Fatalf("seed %d draws two scenarios", seed)
					}
					if again, err := scenario.Parse("drawn.yaml", []byte(text)); err != nil || !reflect.DeepEqual(again, s) {
						t.Fatalf("seed %d: read back it is another scenario: %v", seed, err)
					}
				}
				if s.Seed != seed || s.Until() <= 0 {
					t.Fatalf("seed %d: seed %d, faults until %v", seed, s.Seed, s.Until())
				}
				kinds := s.Kinds()
				for _, kind := range kinds {
					drawn[kind]++
				}
				if len(o.Faults) == 0 {
					continue
				}
				for _, kind := range kindNames() {
					between := slices.Contains([]string{nemesis.Partition, nemesis.Packets, nemesis.Membership}, kind)
					want := slices.Contains(o.Faults, kind) && (s.Nodes > 1 || !between)
					if slices.Contains(kinds, kind) != want {
						t.Fatalf("seed %d of %d nodes: faults %v, of %v", seed, s.Nodes, kinds, o.Faults)
					}
				}
			}
			for _, kind := range kindNames() {
				if len(o.Faults) == 0 && (drawn[kind] < 400 || drawn[kind] > 1000) {
					t.Errorf("%d of 2000 seeds have %s, want about a third", drawn[kind], kind)
				}
			}
		})
	}
}

// TestLeavingAKindOut changes nothing of what else a seed draws.
func TestLeavingAKindOut(t *testing.T) {
	for seed := range int64(200) {
		all, _ := draw(t, seed, Options{Faults: kindNames()})
		few, _ := draw(t, seed, Options{Faults: []string{nemesis.Power}})
		all.Nemesis = slices.DeleteFunc(all.Nemesis, func(f scenario.Fault) bool { return f.Kind != nemesis.Power })
		if !reflect.DeepEqual(all, few) {
			t.Fatalf("seed %d: %+v alone, and %+v beside others", seed, few, all)
		}
	}
}

func TestOverrides(t *testing.T) {
	cases := []struct {
		name string
		sets []string
		ok   func(*scenario.Scenario) bool
	}{
		{"nodes", []string{"nodes=3"}, func(s *scenario.Scenario) bool { return s.Nodes == 3 }},
		{"a single node, whose faults then have nothing between nodes", []string{"nodes=1"}, func(s *scenario.Scenario) bool {
			return s.Nodes == 1 && !slices.Contains(s.Kinds(), nemesis.Partition)
		}},
		{"settings", []string{"node.max-batch=3", "workload.name=append"}, func(s *scenario.Scenario) bool {
			return s.Node.MaxBatch == 3 && s.Workload.Name == "append"
		}},
		{"no faults", []string{"nemesis=[]"}, func(s *scenario.Scenario) bool { return len(s.Nemesis) == 0 }},
		{"the last one", []string{"nodes=3", "nodes=5"}, func(s *scenario.Scenario) bool { return s.Nodes == 5 }},
	}
	for _, c := range cases {
		for seed := range int64(100) {
			if s, _ := draw(t, seed, sets(t, c.sets...)); !c.ok(s) {
				t.Errorf("%s: seed %d gives %+v", c.name, seed, s)
				break
			}
		}
	}
	for _, bad := range []string{"nodes=0", "foo=1", "node.heartbeat=soon"} {
		if _, err := Draw(1, sets(t, bad)); err == nil || !strings.Contains(err.Error(), "seed 1") || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestEveryClientAsksOften: availability is judged by what clients ask, so that
// each has to ask about once a second, however many there are.
func TestEveryClientAsksOften(t *testing.T) {
	for _, set := range []string{"nodes=1", "nodes=5", "nodes=9", "workload.concurrency=10n", "workload.concurrency=40"} {
		o, err := scenario.ParseSet(set)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range int64(100) {
			s, err := Draw(seed+1, Options{Overrides: []scenario.Override{o}})
			if err != nil {
				t.Fatal(err)
			}
			if clients := float64(s.Workload.Concurrency.Of(s.Nodes)); s.Workload.Rate < clients {
				t.Fatalf("--set %s, seed %d: %v operations a second of %v clients", set, seed+1, s.Workload.Rate, clients)
			}
		}
	}
}

// TestAKeyOfAKindThatIsNotDrawn is for the seeds that draw it.
func TestAKeyOfAKindThatIsNotDrawn(t *testing.T) {
	set := scenario.Override{Flag: "--set", Path: "nemesis.kill.for", Value: "130ms"}
	with := 0
	for seed := range int64(60) {
		s, err := Draw(seed+1, Options{Overrides: []scenario.Override{set}})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range s.Nemesis {
			if kill, ok := f.Options.(*nemesis.KillOptions); ok {
				if with++; kill.For != 130*time.Millisecond {
					t.Errorf("seed %d kills for %v", seed+1, kill.For)
				}
			}
		}
	}
	if with == 0 || with == 60 {
		t.Errorf("%d of 60 seeds draw kill", with)
	}
	set.Path = "nemesis.kil.for"
	if _, err := Draw(1, Options{Overrides: []scenario.Override{set}}); err == nil {
		t.Error("a kind that there is not was taken")
	}
}

// TestLimits: seeds draw clusters with spares, leases with clocks that drift but
// no faults of the clocks that timers live on, and every small limit.
func TestLimits(t *testing.T) {
	spares, leases, clocks, pieces, overloads := 0, 0, 0, 0, 0
	for seed := range int64(500) {
		s, _ := draw(t, seed, Options{})
		if s.Members < 1 || s.Members > s.Nodes {
			t.Fatalf("seed %d: %d members of %d nodes", seed, s.Members, s.Nodes)
		}
		if s.Members < s.Nodes {
			spares++
		}
		if s.Node.SnapshotChunk < 10_000 {
			pieces++
		}
		if s.Node.MaxUncommitted <= 1000 {
			overloads++
		}
		if !play.Leases(s) {
			continue
		}
		leases++
		for _, f := range s.Nemesis {
			if o, ok := f.Options.(*nemesis.ClockOptions); ok {
				clocks++
				if slices.Contains(o.Shapes, nemesis.MonotonicRate) || slices.Contains(o.Shapes, nemesis.MonotonicJump) {
					t.Fatalf("seed %d: reads by lease beside clocks of the shapes %v", seed, o.Shapes)
				}
			}
		}
	}
	for what, n := range map[string]int{"spares": spares, "leases": leases, "leases beside faults of clocks": clocks, "small pieces": pieces, "small limits": overloads} {
		if n < 20 {
			t.Errorf("%d of 500 seeds have %s", n, what)
		}
	}
}
