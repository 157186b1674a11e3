package scenario

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"partita/harness/generator"
	"partita/harness/history"
	"partita/harness/interpreter"
	"partita/harness/scenarios"
	"partita/nemesis"
)

func TestShippedScenarios(t *testing.T) {
	for _, name := range []string{"partition", "kill", "pause", "clock"} {
		if !slices.Contains(scenarios.Names(), name) {
			t.Errorf("%s does not ship", name)
		}
	}
	for _, name := range scenarios.Names() {
		t.Run(name, func(t *testing.T) {
			s, err := Load(name)
			if err != nil {
				t.Fatal(err)
			}
			data, file, _ := scenarios.Read(name)
			if s.Name != name || file != name+".yaml" || s.Description == "" {
				t.Errorf("%s is called %q: %q", file, s.Name, s.Description)
			}
			if !strings.HasPrefix(string(data), "# ") {
				t.Error("it does not open with a comment that says what it shows")
			}
			for _, kind := range s.Kinds() {
				if !slices.ContainsFunc(s.Schedule(), func(in nemesis.Injection) bool { return in.Kind == kind }) {
					t.Errorf("no %s fits before %v", kind, s.Until())
				}
			}
			reread(t, s)
		})
	}
}

// reread fails the test unless the scenario's YAML gives the same scenario.
func reread(t *testing.T, s *Scenario) {
	t.Helper()
	text, err := s.YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("again.yaml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if !reflect.DeepEqual(s, again) {
		t.Errorf("wrote %+v\nread  %+v\n%s", s, again, text)
	}
}

func TestPartitionHasEnoughPartitions(t *testing.T) {
	s, err := Load("partition")
	if err != nil {
		t.Fatal(err)
	}
	for seed := range int64(20) {
		s.Seed = seed
		shapes := map[string]bool{}
		faults := s.Schedule()
		for _, in := range faults {
			shapes[in.Shape] = true
			if in.Heal > 50*time.Second {
				t.Errorf("seed %d: %v leaves less than 10 s to recover", seed, in)
			}
		}
		if len(faults) < 6 || len(shapes) < 5 {
			t.Errorf("seed %d: %d partitions of %d shapes", seed, len(faults), len(shapes))
		}
	}
}

func TestWhatAScenarioNeeds(t *testing.T) {
	for name, c := range map[string]struct {
		capabilities []string
		clocks       bool
	}{
		"partition": {[]string{"NET_ADMIN"}, false},
		"kill":      {nil, false},
		"clock":     {nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Load(name)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(s.Capabilities(), c.capabilities) || s.Clocks() != c.clocks {
				t.Errorf("capabilities %v, clocks %v", s.Capabilities(), s.Clocks())
			}
			if plans := s.Plans(); len(plans) != 1 || plans[0].Kind() != name {
				t.Errorf("%d plans", len(plans))
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	s, err := Parse("folder/mine.yaml", []byte("node: {election-timeout: 300ms}\nnemesis:\n- kill: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Name, want.Node.ElectionTimeout, want.Node.PeerSilence = "mine", 300*time.Millisecond, 600*time.Millisecond
	kind, err := nemesis.KindOf(nemesis.Kill)
	if err != nil {
		t.Fatal(err)
	}
	want.Nemesis = []Fault{{Kind: nemesis.Kill, Options: kind.Defaults()}}
	want.Nemesis[0].Options.Complete(5)
	if !reflect.DeepEqual(*s, want) {
		t.Errorf("got  %+v\nwant %+v", *s, want)
	}
	reread(t, s)
}

// A scenario whose drawn schedule is written down injects the same, whatever
// its seed.
func TestExplicitSchedules(t *testing.T) {
	for _, k := range nemesis.Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			s, err := Parse("x.yaml", []byte("seed: 42\ntime-limit: 3m\nnemesis:\n- "+k.Name+": {}\n"))
			if err != nil {
				t.Fatal(err)
			}
			want := s.Schedule()
			options, err := nemesis.Explicit(k.Name, want)
			if err != nil {
				t.Fatal(err)
			}
			s.Seed, s.Nemesis[0].Options = 7, options
			text, err := s.YAML()
			if err != nil {
				t.Fatal(err)
			}
			again, err := Parse("again.yaml", text)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if got := again.Schedule(); len(want) < 10 || !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
			reread(t, again)
		})
	}
}

func TestScriptedClients(t *testing.T) {
	s, err := Parse("x.yaml", []byte(scripted("at: 1500us, worker: 0, f: cas, key: k1.0, value: -5, old: null")))
	if err != nil {
		t.Fatal(err)
	}
	reread(t, s)
	want := []generator.Step{
		{At: time.Second, Worker: 3, F: "read", Key: "a"},
		{At: 1500 * time.Microsecond, F: "cas", Key: "k1.0", Value: history.Int(-5), Old: history.Null()},
	}
	if !reflect.DeepEqual(s.Workload.Script, want) {
		t.Errorf("got %+v", s.Workload.Script)
	}
	c, err := s.NewClients()
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Workers) != 15 || len(c.Clients) != 15 || c.Workload.Name != "register" {
		t.Errorf("%d workers, %d clients of %s", len(c.Workers), len(c.Clients), c.Workload.Name)
	}
	schedule := interpreter.NewSchedule(c.Generator, c.Pace, len(c.Workers), s.TimeLimit)
	for _, at := range []time.Duration{1500 * time.Microsecond, time.Second, s.TimeLimit} {
		if wake := schedule.Wake(0); wake != at {
			t.Errorf("due at %v, want %v", wake, at)
		}
		schedule.Invoke(at)
	}
}

// The seed alone decides what clients without a script ask.
func TestDrawnClients(t *testing.T) {
	s := Default()
	invoked := func(seed int64) []history.Event {
		s.Seed = seed
		c, err := s.NewClients()
		if err != nil {
			t.Fatal(err)
		}
		due, _ := interpreter.NewSchedule(c.Generator, c.Pace, len(c.Workers), s.TimeLimit).Invoke(time.Second)
		return due
	}
	first := invoked(1)
	if len(first) != 15 || !reflect.DeepEqual(first, invoked(1)) || reflect.DeepEqual(first, invoked(2)) {
		t.Errorf("%d operations: %v", len(first), first)
	}
}

func TestNodeFlags(t *testing.T) {
	s, err := Load("partition")
	if err != nil {
		t.Fatal(err)
	}
	want := "--members n1,n2,n3,n4,n5 --election-timeout 1s --election-jitter 500ms --heartbeat 100ms --max-batch 64 --snapshot-every 5000 " +
		"--session-entries 100000 --max-sessions 4096 --compact-tail 1000 --snapshot-chunk 1048576 --max-uncommitted 67108864 " +
		"--reads readindex --lease-drift 0.1 --peer-silence 2s"
	if got := strings.Join(s.NodeFlags(), " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.Members = 2
	if got := strings.Join(s.NodeFlags()[:2], " "); got != "--members n1,n2" {
		t.Errorf("with two members: %s", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range scenarios.Names() {
		data, _, _ := scenarios.Read(name)
		f.Add(string(data), "nemesis.kill.for=1s")
	}
	f.Add(base, "nemesis=[kill: {for: 1s}]")
	f.Add(scheduled("at: 3s, for: 1s, targets: one, nodes: [n1, n2, n3, n4, n5]"), "nemesis.kill.schedule=[{at: 1s}]")
	f.Add(scripted("at: 1s, worker: 0, f: cas, key: a, value: 5, old: null"), "workload.script=[{at: 1s, value: null}]")
	f.Add("a: &a [*a]\n", "node={heartbeat: 5ms}")
	f.Add("nodes: 5\n---\n%YAML 1.1\n", "node.heartbeat")
	f.Fuzz(func(t *testing.T, text, arg string) {
		s, err := Parse("x.yaml", []byte(text))
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" || !strings.HasPrefix(err.Error(), "x.yaml:") {
				t.Errorf("a complaint without a place: %q", err)
			}
			return
		}
		reread(t, s)
		if o, err := ParseSet(arg); err == nil {
			if s, err = Parse("x.yaml", []byte(text), o); err == nil {
				reread(t, s)
			}
		}
	})
}
