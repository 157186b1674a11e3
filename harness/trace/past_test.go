package trace

import (
	"reflect"
	"testing"
)

func TestNodesAreInOrder(t *testing.T) {
	steps := []Step{{Node: "n10", Peer: "n2"}, {Kind: Fault}, {Node: "n1", Peer: "n10"}}
	if got, want := Nodes(steps), []string{"n1", "n2", "n10"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPast(t *testing.T) {
	send := func(from, to string, message int) Step {
		return Step{Kind: Send, Node: from, Peer: to, Message: message}
	}
	deliver := func(at, from string, message int) Step {
		return Step{Kind: Deliver, Node: at, Peer: from, Message: message}
	}
	drop := func(at, from string, message int) Step {
		return Step{Kind: Drop, Node: at, Peer: from, Message: message}
	}
	at := func(kind Kind, node string) Step { return Step{Kind: kind, Node: node} }
	broken := func(text string) Step { return Step{Kind: Violation, Text: text} }
	for name, tc := range map[string]struct {
		steps []Step
		want  []int // places of those that are marked
	}{
		"no violation":      {[]Step{at(Timer, "n1"), at(Crash, "n1")}, nil},
		"nothing":           {nil, nil},
		"its own node":      {[]Step{at(Timer, "n1"), at(Timer, "n2"), {Kind: Violation, Node: "n1"}}, []int{0, 2}},
		"node and peer":     {[]Step{at(Timer, "n1"), at(Timer, "n2"), at(Timer, "n3"), {Kind: Violation, Node: "n1", Peer: "n3"}}, []int{0, 2, 3}},
		"named in words":    {[]Step{at(Timer, "n1"), at(Timer, "n2"), at(Timer, "n10"), broken("log matching: n2, n10 differ")}, []int{1, 2, 3}},
		"nobody named":      {[]Step{at(Timer, "n1"), at(Apply, "n2"), broken("panic")}, []int{1, 2}},
		"alone":             {[]Step{broken("panic")}, []int{0}},
		"by a message":      {[]Step{at(Timer, "n2"), send("n2", "n1", 7), at(Timer, "n2"), deliver("n1", "n2", 7), broken("n1")}, []int{0, 1, 3, 4}},
		"by two messages":   {[]Step{send("n3", "n2", 1), deliver("n2", "n3", 1), send("n2", "n1", 2), deliver("n1", "n2", 2), broken("n1")}, []int{0, 1, 2, 3, 4}},
		"not yet taken":     {[]Step{send("n2", "n1", 7), broken("n1"), deliver("n1", "n2", 7)}, []int{1}},
		"a duplicate":       {[]Step{send("n2", "n1", 7), deliver("n1", "n2", 7), at(Timer, "n2"), deliver("n1", "n2", 7), broken("n1")}, []int{0, 1, 3, 4}},
		"sent to others":    {[]Step{send("n1", "n2", 7), deliver("n2", "n1", 7), broken("n1")}, []int{0, 2}},
		"lost of its own":   {[]Step{send("n1", "n2", 7), drop("n2", "n1", 7), broken("n1")}, []int{0, 1, 2}},
		"lost of others":    {[]Step{send("n2", "n1", 7), drop("n1", "n2", 7), broken("n1")}, []int{2}},
		"faults":            {[]Step{at(Fault, ""), at(Fault, "n1"), at(Fault, "n2"), broken("n1"), at(Fault, "")}, []int{0, 1, 3}},
		"after it":          {[]Step{broken("n1"), at(Timer, "n1")}, []int{0}},
		"across a crash":    {[]Step{at(Timer, "n1"), at(Crash, "n1"), at(Start, "n1"), broken("n1")}, []int{0, 1, 2, 3}},
		"clients of a node": {[]Step{at(Invoke, "n1"), at(Invoke, "n2"), broken("n1")}, []int{0, 2}},
		"two violations":    {[]Step{at(Timer, "n1"), broken("n1"), at(Timer, "n2"), at(Timer, "n1"), broken("n2")}, []int{0, 1, 2, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int
			for i, marked := range Past(tc.steps) {
				if marked {
					got = append(got, i)
				}
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("marked are %v, want %v", got, tc.want)
			}
		})
	}
}
