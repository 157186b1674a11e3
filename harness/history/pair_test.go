package history

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// ev is an event whose time is its index in milliseconds.
func ev(index, process int, typ Type, f, key string) Event {
	return Event{Index: index, Time: time.Duration(index) * time.Millisecond, Worker: process % 3, Process: process, Type: typ, F: f, Key: key}
}

func at(e Event, t time.Duration) Event { e.Time = t; return e }

func TestPair(t *testing.T) {
	began := Began("kill", "n1")
	began.Index, began.Time = 2, 2*time.Millisecond
	ops, err := Pair([]Event{
		ev(0, 0, Invoke, "write", "a"), ev(1, 1, Invoke, "read", "b"), began,
		ev(3, 1, OK, "read", "b"), ev(4, 0, Info, "write", "a"), ev(5, 3, Invoke, "read", "a"), ev(6, 1, Invoke, "read", "b"),
		ev(7, 1, Fail, "read", "b"),
	})
	if err != nil {
		t.Fatal(err)
	}
	type pair struct {
		from, to int
		typ      Type
	}
	var got []pair
	for _, op := range ops {
		got = append(got, pair{op.Invoke.Index, op.Complete.Index, op.Complete.Type})
	}
	want := []pair{{0, 4, Info}, {1, 3, OK}, {5, NeverIndex, Info}, {6, 7, Fail}}
	if !slices.Equal(got, want) {
		t.Errorf("pairs are %v, want %v", got, want)
	}
	if last := ops[2].Complete; last.Time != Never || last.F != "read" || last.Key != "a" || last.Process != 3 {
		t.Errorf("the completion that never came is %+v", last)
	}
}

func TestPairRefuses(t *testing.T) {
	cases := []struct {
		name, want string
		events     []Event
	}{
		{"two invocations", "event 1: process 0 invokes while its operation of event 0", []Event{ev(0, 0, Invoke, "read", "a"), ev(1, 0, Invoke, "read", "a")}},
		{"completion alone", "event 0: process 0 completes an operation that it never invoked", []Event{ev(0, 0, OK, "read", "a")}},
		{"completed twice", "event 2: process 0 completes", []Event{ev(0, 0, Invoke, "read", "a"), ev(1, 0, OK, "read", "a"), ev(2, 0, OK, "read", "a")}},
		{"retired process", "event 2: process 0 invokes after", []Event{ev(0, 0, Invoke, "read", "a"), ev(1, 0, Info, "read", "a"), ev(2, 0, Invoke, "read", "a")}},
		{"other key", `event 1: worker 0 completes read "b", but event 0 invoked read "a"`, []Event{ev(0, 0, Invoke, "read", "a"), ev(1, 0, OK, "read", "b")}},
		{"other f", "event 1: worker 0 completes write", []Event{ev(0, 0, Invoke, "read", "a"), ev(1, 0, OK, "write", "a")}},
		{"repeated index", "event 4: follows event 4", []Event{ev(4, 0, Invoke, "read", "a"), ev(4, 0, OK, "read", "a")}},
		{"time runs backwards", "event 1: time 1ms is before 5ms", []Event{at(ev(0, 0, Invoke, "read", "a"), 5*time.Millisecond), ev(1, 0, OK, "read", "a")}},
		{"unknown type", `event 0: type "maybe"`, []Event{ev(0, 0, "maybe", "read", "a")}},
		{"no f", "event 0: no f", []Event{ev(0, 0, Invoke, "", "a")}},
		{"negative time", "event 0: time -1 ", []Event{at(ev(0, 0, Invoke, "read", "a"), -1)}},
		{"process below the nemesis", "event 0: process -2", []Event{ev(0, -2, Info, "read", "")}},
		{"nemesis invokes", "event 0: an event of the nemesis is info", []Event{ev(0, -1, Invoke, "kill", "")}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Pair(c.events)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
		})
	}
}

func TestByKey(t *testing.T) {
	ops, err := Pair([]Event{ev(0, 0, Invoke, "read", "b"), ev(1, 1, Invoke, "read", "a"), ev(2, 2, Invoke, "write", "b")})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	var counts []int
	for key, ops := range ByKey(ops) {
		keys, counts = append(keys, key), append(counts, len(ops))
	}
	if !slices.Equal(keys, []string{"a", "b"}) || !slices.Equal(counts, []int{1, 2}) {
		t.Errorf("keys %v with %v operations", keys, counts)
	}
}

func TestFault(t *testing.T) {
	cases := []struct {
		name      string
		event     Event
		what      string
		begun, ok bool
	}{
		{"began", Began("kill", "n1, n2"), "n1, n2", true, true},
		{"healed", Healed("kill", "n1"), "n1", false, true},
		{"lag", Lag(5), "", false, false},
		{"an operation", Event{F: "kill", Type: OK, Value: Began("kill", "x").Value}, "", false, false},
		{"another value", Event{Process: NemesisProcess, F: "kill", Type: Info, Value: Int(4)}, "", false, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			what, begun, ok := Fault(c.event)
			if what != c.what || begun != c.begun || ok != c.ok {
				t.Errorf("got %q, %v, %v", what, begun, ok)
			}
		})
	}
}
