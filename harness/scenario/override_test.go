package scenario

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"partita/nemesis"
)

const base = `name: base
nodes: 5
nemesis:
- partition: {shapes: [one, ring], every: 7s, for: 4s}
- clock: {rate: 3, shapes: [realtime-rate]}
`

// set makes overrides as the command line does.
func set(t *testing.T, args ...string) []Override {
	t.Helper()
	var all []Override
	for _, arg := range args {
		o, err := ParseSet(arg)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	return all
}

// Every key of a scenario can be overridden.
func TestOverrideEveryKey(t *testing.T) {
	var walk func(v reflect.Value, path string)
	count := 0
	walk = func(v reflect.Value, path string) {
		for _, f := range fieldsOf(v) {
			p := join(path, f.name)
			if f.value.Kind() == reflect.Struct && f.value.Type() != reflect.TypeFor[Concurrency]() {
				walk(f.value, p)
				continue
			}
			if faults, ok := f.value.Interface().([]Fault); ok {
				for _, fault := range faults {
					walk(reflect.ValueOf(fault.Options).Elem(), join(p, fault.Kind))
				}
				continue
			}
			count++
			if p == "workload.name" {
				// It has one value here: another one is refused, by its flag.
				_, err := Parse("x.yaml", []byte(base), set(t, p+"=other")...)
				if err == nil || !strings.HasPrefix(err.Error(), "--set "+p+"=other: "+p) {
					t.Errorf("%s=other: got %v", p, err)
				}
				continue
			}
			value := overrideOf(f.value, p)
			s, err := Parse("x.yaml", []byte(base), set(t, p+"="+value)...)
			if err != nil {
				t.Errorf("%s=%s: %v", p, value, err)
				continue
			}
			reread(t, s)
			if original, _ := Parse("x.yaml", []byte(base)); reflect.DeepEqual(s, original) {
				t.Errorf("%s=%s changes nothing", p, value)
			}
		}
	}
	s, err := Parse("x.yaml", []byte(base))
	if err != nil {
		t.Fatal(err)
	}
	walk(reflect.ValueOf(s).Elem(), "")
	if count < 25 {
		t.Errorf("only %d keys were found", count)
	}
}

// overrideOf is another possible value of a key.
func overrideOf(v reflect.Value, path string) string {
	switch path {
	case "name", "description":
		return "other-5"
	case "expect":
		return ExpectInvalid
	case "workload.concurrency":
		return "20"
	case "node.reads", "workload.reads":
		return "lease"
	case "checks.reached":
		return "chunks-sent,lease-reads"
	case "node.lease-drift":
		return "0.2"
	case "nemesis.clock.shapes":
		return nemesis.MonotonicRate
	case "workload.script":
		return "[{at: 1s, worker: 0, f: cas, key: a, value: 5, old: null}]"
	case "nemesis.partition.schedule":
		return "[{at: 1s, for: 1s, shape: leader, nodes: [n1, n2, n3, n4, n5]}]"
	case "nemesis.clock.schedule":
		return "[{at: 1s, for: 1s, shape: realtime-rate, rate: 0.5, targets: one, nodes: [n1, n2, n3, n4, n5]}]"
	}
	switch value := v.Interface().(type) {
	case time.Duration:
		return (value + 100*time.Millisecond).String()
	case []string:
		return "leader"
	case int, int64:
		return fmt.Sprint(v.Int() + 1)
	case float64:
		return fmt.Sprint(value + 1.5)
	case bool:
		return fmt.Sprint(!value)
	}
	return "?"
}

func TestOverrides(t *testing.T) {
	partition := func(s *Scenario) *nemesis.PartitionOptions { return s.Nemesis[0].Options.(*nemesis.PartitionOptions) }
	for name, c := range map[string]struct {
		args []string
		is   func(s *Scenario) bool
	}{
		"a list apart by commas": {[]string{"nemesis.partition.shapes=halves, bridge"}, func(s *Scenario) bool {
			return slices.Equal(partition(s).Shapes, []string{"halves", "bridge"})
		}},
		"a list as in a file": {[]string{"nemesis.partition.shapes=[halves]"}, func(s *Scenario) bool {
			return slices.Equal(partition(s).Shapes, []string{"halves"})
		}},
		"an option of a fault": {[]string{"nemesis.partition.for=2s"}, func(s *Scenario) bool { return partition(s).For == 2*time.Second }},
		"several options": {[]string{"nemesis.partition={for: 2s, every: 3s}"}, func(s *Scenario) bool {
			return partition(s).For == 2*time.Second && partition(s).Every == 3*time.Second
		}},
		"no nemesis":              {[]string{"nemesis=[]"}, func(s *Scenario) bool { return len(s.Nemesis) == 0 }},
		"another nemesis":         {[]string{"nemesis=[kill: {for: 1s}]"}, func(s *Scenario) bool { return slices.Equal(s.Kinds(), []string{"kill"}) }},
		"the last one wins":       {[]string{"seed=1", "seed=2"}, func(s *Scenario) bool { return s.Seed == 2 }},
		"two that need another":   {[]string{"nodes=3", "nemesis.partition.shapes=one"}, func(s *Scenario) bool { return s.Nodes == 3 }},
		"text that looks like 12": {[]string{"description=12"}, func(s *Scenario) bool { return s.Description == "12" }},
		"clients for each node":   {[]string{"workload.concurrency=4n"}, func(s *Scenario) bool { return s.Workload.Concurrency.Of(5) == 20 }},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse("x.yaml", []byte(base), set(t, c.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			if !c.is(s) {
				t.Errorf("got %+v", s)
			}
			reread(t, s)
		})
	}
}

func TestOverrideComplaints(t *testing.T) {
	for name, c := range map[string]struct{ arg, want string }{
		"impossible":          {"nodes=0", "--set nodes=0: nodes: 0: want 1 to 9"},
		"wrong type":          {"nodes=many", `--set nodes=many: nodes: found the text "many", want a whole number`},
		"nothing":             {"nodes=", `--set nodes=: nodes: found the text ""`},
		"no YAML":             {"nodes={", "--set nodes={: nodes: found the text"},
		"unknown key":         {"node.heartbeats=1s", `--set node.heartbeats=1s: node: unknown key "heartbeats": did you mean "heartbeat"?`},
		"unknown key on top":  {"zebra=1", `--set zebra=1: unknown key "zebra"`},
		"below a value":       {"seed.x=1", "--set seed.x=1: seed: it is one value"},
		"below a value (2)":   {"workload.concurrency.Count=1", "workload.concurrency: it is one value"},
		"kind it has not":     {"nemesis.kill.for=1s", "the scenario has no kill: it has partition, clock"},
		"kind that is none":   {"nemesis.kil.for=1s", `unknown kind of fault "kil": did you mean "kill"?`},
		"unknown option":      {"nemesis.partition.phases=1s", `nemesis.partition: unknown key "phases": did you mean "phase"?`},
		"unknown shape":       {"nemesis.partition.shapes=one,rnig", "--set nemesis.partition.shapes=one,rnig: nemesis.partition.shapes: unknown shape"},
		"makes another wrong": {"nodes=3", "x.yaml:4: nemesis.partition.shapes: shape \"ring\" needs at least 4 nodes and the cluster has 3 (which can have majority, halves, one, leader, bridge, one-way, flapping) (with --set nodes=3)"},
		"an anchor":           {"node=&a {}", "the anchor &a"},
		"an empty part":       {"node..heartbeat=1s", `node: unknown key ""`},
		"a bad schedule":      {"nemesis.clock.schedule=[{at: 1s}]", "--set nemesis.clock.schedule=[{at: 1s}]: nemesis.clock.schedule[0].for: 0s"},
		"nemesis as a text":   {"nemesis=kill", `nemesis: found the text "kill", want a list`},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse("x.yaml", []byte(base), set(t, c.arg)...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v (%v)\nwant %s", err, s, c.want)
			}
		})
	}
	for _, arg := range []string{"", "nodes", "=3"} {
		if _, err := ParseSet(arg); err == nil || !strings.Contains(err.Error(), "want path.to.key=value") {
			t.Errorf("%q: got %v", arg, err)
		}
	}
}

// A list that a flag replaces is complained of by the flag alone.
func TestOverrideOfASchedule(t *testing.T) {
	file := []byte("nemesis:\n- kill:\n    schedule:\n    - {at: 1s, for: 1s, targets: one, nodes: [n1, n2, n3, n4, n5]}\n")
	flag := "nemesis.kill.schedule=[{at: 1s, targets: one, nodes: [n1, n2, n3, n4, n5]}]"
	_, err := Parse("x.yaml", file, set(t, flag)...)
	if err == nil || !strings.HasPrefix(err.Error(), "--set "+flag+": nemesis.kill.schedule[0].for") {
		t.Errorf("got %v", err)
	}
}

// A file that is wrong is refused also where an override would mend it.
func TestTheFileIsJudgedBeforeTheOverrides(t *testing.T) {
	_, err := Parse("x.yaml", []byte("nodes: 10\n"), set(t, "nodes=3")...)
	if err == nil || !strings.HasPrefix(err.Error(), "x.yaml:1: nodes: 10") {
		t.Errorf("got %v", err)
	}
}
