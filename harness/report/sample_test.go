package report

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"partita/harness/checker"
	"partita/harness/cluster"
	"partita/harness/history"
	"partita/harness/store"
	"partita/nemesis/wire"
)

// register is a model for the samples.
func register() checker.Model {
	return checker.Model{
		Init: func() any { return "null" },
		Step: func(state any, op history.Operation) (bool, any) {
			if op.Invoke.F == "write" {
				return true, history.Canonical(op.Invoke.Value)
			}
			return op.Complete.Type != history.OK || history.Canonical(op.Complete.Value) == state, state
		},
		Describe: func(op history.Operation) string {
			if op.Invoke.F == "write" {
				return "write " + history.Canonical(op.Invoke.Value)
			}
			return "read -> " + history.Canonical(op.Complete.Value)
		},
		DescribeState: func(state any) string { return state.(string) },
		Access:        checker.RegisterAccess,
	}
}

// hostile is what a node under test may say.
const hostile = `</script><script>console.error("came through")</script><img src=x onerror=alert(1)>`

// sampleStart is CLOCK_MONOTONIC when the samples began.
const sampleStart = 1_000_000_000_000

var sampleNodes = []string{"n1", "n2", "n3", "n4", "n5"}

// sample makes up a run of a minute: clients that play against true registers,
// faults, and logs; when invalid, one that cut-off n2 answers from the past.
func sample(t testing.TB, verdict checker.Verdict, operations int) Input {
	t.Helper()
	in := Input{Nodes: sampleNodes, Folder: "results/partition/20260102T030405Z-42"}
	in.Faults = sampleFaults(verdict != checker.Unknown)
	in.Events = sampleEvents(operations, verdict == checker.Invalid)
	var err error
	if in.Operations, err = history.Pair(in.Events); err != nil {
		t.Fatal(err)
	}
	in.Logs, in.States = sampleLogs()
	l := checker.Linearizable(t.Context(), in.Operations, register(), checker.Options{})
	in.Failures = l.Failures
	in.Results = sampleResults(in, l)
	if in.Results.Verdict != verdict {
		t.Fatalf("the sample is %s (%s), want %s", in.Results.Verdict, in.Results.Reason, verdict)
	}
	return in
}

func sampleResults(in Input, l checker.Linearizability) store.Results {
	r := store.Results{
		Scenario: "partition", Workload: "register", Cluster: "docker", Nodes: 5, Seed: 42,
		Command: "bin/harness run partition --seed 42", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		MonotonicStartNS: sampleStart, Commit: "1a2b3c4", Dirty: true,
		Durations: store.Durations{Setup: 2.1, Run: 60, Check: 0.4, Teardown: 1.1},
		Versions:  store.Versions{Partita: "0.1", Go: "go1.26", Engine: "20.10.24", Kernel: "6.18"},
		Faults:    map[string]store.FaultCount{}, Operations: store.Operations{By: map[string]store.Counts{}},
	}
	if l.Verdict == checker.Invalid {
		r.Bug, r.Command = "local-read", r.Command+" --bug local-read"
	}
	var nodes []checker.NodeRecord
	for _, s := range in.States {
		nodes = append(nodes, checker.NodeRecord{Node: s.Node, Exits: s.Exits, Log: in.Logs[s.Node]})
	}
	r.Checks = map[string]checker.Result{
		"linearizable": l.Result,
		"stats":        checker.Stats([]string{"read", "write"}, in.Operations),
		"faults":       checker.Faults([]string{"partition", "kill"}, in.Faults),
		"crashes":      checker.Crashes(nodes, in.Faults, sampleStart),
		"availability": checker.Availability(checker.AvailabilityInput{Operations: in.Operations, Faults: in.Faults,
			Nodes: in.Nodes, RecoverWithin: 10 * time.Second, End: time.Minute}),
	}
	r.Verdict, r.Reason = checker.Compose(r.Checks)
	for _, op := range in.Operations {
		c := r.Operations.By[op.Invoke.F]
		r.Operations.Total++
		switch op.Complete.Type {
		case history.OK:
			c.OK++
			r.Operations.OK++
		case history.Fail:
			c.Fail++
			r.Operations.Fail++
		default:
			c.Info++
			r.Operations.Info++
		}
		r.Operations.By[op.Invoke.F] = c
	}
	for _, f := range in.Faults {
		c := r.Faults[f.Nemesis]
		c.Asked++
		if f.Evident {
			c.Evident++
		}
		r.Faults[f.Nemesis] = c
	}
	return r
}

func sampleFaults(evident bool) []cluster.Fault {
	var faults []cluster.Fault
	for i, shape := range []string{"majority", "ring", "one-way", "leader", "halves", "flapping"} {
		at := time.Duration(3+7*i) * time.Second
		var directions []map[string]any
		for _, from := range sampleNodes {
			for _, to := range sampleNodes {
				if from == to {
					continue
				}
				cut := (from <= "n2") != (to <= "n2")
				received := 80
				if cut && evident {
					received = 0
				}
				directions = append(directions, map[string]any{"from": from, "to": to, "sent": 80, "received": received, "cut": cut})
			}
		}
		faults = append(faults, cluster.Fault{Nemesis: "partition", Shape: shape, Targets: "all", Nodes: sampleNodes,
			Asked: map[string]any{"cuts": []string{"n1 -> n3", "n3 -> n1", "n2 -> n4"}}, At: at, Healed: at + 4*time.Second, Evident: evident,
			Evidence: map[string]any{"directions": directions, "dropped": 311 + i, "reconnected": 0.41}})
	}
	return append(faults, cluster.Fault{Nemesis: "kill", Targets: "one", Nodes: []string{"n4"}, Asked: map[string]any{}, At: 19 * time.Second, Healed: 21 * time.Second,
		Evident: true, Evidence: map[string]any{"nodes": map[string]any{"n4": map[string]any{"pid": 71, "evident": true,
			"during": map[string]any{"pid": 0, "stopped": false}, "after": map[string]any{"pid": 95, "stopped": false}}}}})
}

// sampleEvents plays fifteen clients against registers for a minute.
func sampleEvents(operations int, lie bool) []history.Event {
	r := rand.New(rand.NewPCG(42, 42))
	type flight struct {
		event history.Event
		until time.Duration
		kind  history.Type
		value json.RawMessage
	}
	var events []history.Event
	var flights []flight
	values, previous := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	process, busy := make([]int, 15), make([]bool, 15)
	for i := range process {
		process[i] = i
	}
	add := func(e history.Event, at time.Duration) {
		e.Index, e.Time = len(events), at
		events = append(events, e)
	}
	complete := func(before time.Duration) {
		for {
			first := -1
			for i, f := range flights {
				if f.until <= before && (first < 0 || f.until < flights[first].until) {
					first = i
				}
			}
			if first < 0 {
				return
			}
			f := flights[first]
			flights = append(flights[:first], flights[first+1:]...)
			e := f.event
			e.Type = f.kind
			switch {
			case f.kind == history.Info:
				e.Error = "timeout: " + hostile
				process[e.Worker] += 15
			case f.kind == history.Fail:
				e.Error = "no_leader: nobody to take it"
			case e.F == "read":
				e.Value = f.value
			}
			busy[e.Worker] = false
			add(e, f.until)
		}
	}
	gap := time.Minute / time.Duration(operations)
	for i := range operations {
		at := time.Duration(i) * gap
		complete(at)
		w := r.IntN(15)
		if busy[w] {
			continue
		}
		busy[w] = true
		broken := (at-3*time.Second)%(7*time.Second) < 4*time.Second && at > 3*time.Second && at < 42*time.Second
		key := fmt.Sprintf("k%d.%d", i%10, i/1000)
		e := history.Event{Worker: w, Process: process[w], Type: history.Invoke, F: "read", Key: key, Node: sampleNodes[w%5]}
		if r.IntN(2) == 0 {
			e.F, e.Value = "write", history.Int(int64(i+1))
		}
		add(e, at)
		f := flight{event: e, kind: history.OK, until: at + time.Duration(800+r.ExpFloat64()*3000)*time.Microsecond, value: values[key]}
		switch {
		case broken && w%5 < 2 && r.IntN(3) > 0:
			f.kind, f.until = history.Fail, at+time.Duration(r.IntN(900)+100)*time.Millisecond
		case broken && w%5 < 2 && r.IntN(6) == 0:
			f.kind, f.until = history.Info, at+5*time.Second
		case e.F == "write":
			previous[key], values[key] = values[key], e.Value
		case lie && at > 24*time.Second && previous[key] != nil && e.Node == "n2":
			f.value, lie = previous[key], false
		}
		flights = append(flights, f)
	}
	complete(history.Never - 1)
	return events
}

// sampleLogs has n3, then n1, then n5 lead, and n4 killed once.
func sampleLogs() (map[string][]wire.LogLine, []wire.State) {
	logs := map[string][]wire.LogLine{}
	write := func(node string, at time.Duration, line string) {
		logs[node] = append(logs[node], wire.LogLine{At: sampleStart + int64(at), Line: line})
	}
	changed := func(node string, at time.Duration, role string, term int, leader, reason string) {
		write(node, at, fmt.Sprintf(`{"time":"2026-01-02T03:04:05Z","level":"INFO","msg":"raft changed","role":%q,"term":%d,"leader":%q,"reason":%q}`, role, term, leader, reason))
	}
	term := 1
	for i, leader := range []string{"n3", "n1", "n5", "n2", "n3"} {
		at := time.Duration(i)*11*time.Second - 800*time.Millisecond
		for _, node := range sampleNodes {
			if node == "n4" && i == 2 {
				continue
			}
			if node == leader {
				changed(node, at-300*time.Millisecond, "pre-candidate", term, "", "election timeout")
				changed(node, at-200*time.Millisecond, "candidate", term+1, "", "pre-vote won")
				changed(node, at, "leader", term+1, leader, "election won")
				continue
			}
			changed(node, at-time.Duration(200+10*len(node))*time.Millisecond, "follower", term+1, "", "higher term")
			changed(node, at+20*time.Millisecond, "follower", term+1, leader, "heartbeat")
		}
		term += i + 1
	}
	changed("n4", 21500*time.Millisecond, "follower", 4, "n5", "started")
	for at := time.Duration(0); at < time.Minute; at += 300 * time.Millisecond {
		write("n2", at, `{"level":"WARN","msg":"peer does not answer","peer":"n3","error":"`+"i/o timeout"+`"}`)
	}
	write("n2", 24500*time.Millisecond, hostile)
	var states []wire.State
	for _, node := range sampleNodes {
		state := wire.State{Node: node, Boots: 1}
		if node == "n4" {
			state.Exits = []wire.Exit{{At: sampleStart + int64(19*time.Second), Code: -1, Signal: "killed", Asked: true}}
		}
		states = append(states, state)
	}
	return logs, states
}
