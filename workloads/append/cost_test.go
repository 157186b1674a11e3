package append

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"partita/harness/checker"
	"partita/harness/history"
)

// fullKey is a key at the end of its life: five workers who are always busy,
// sixty appends and four reads to each, all five of a round at once. Every
// fifteenth append is ambiguous; every other one of these shows seven rounds
// late, and the others never.
func fullKey(t testing.TB) []history.Operation {
	t.Helper()
	var events []history.Event
	add := func(w, process int, e history.Event) {
		e.Index, e.Worker, e.Process, e.Key, e.Node = len(events), w, process, "k0.0", fmt.Sprintf("n%d", w+1)
		e.Time = time.Duration(e.Index) * time.Millisecond
		events = append(events, e)
	}
	var values []string
	shown := func() json.RawMessage { return json.RawMessage("[" + strings.Join(values, ",") + "]") }
	process, late := []int{0, 1, 2, 3, 4}, ""
	for n := 1; n <= LongestList; n++ {
		value, writer, lost := history.Int(int64(n)), n%5, n%15 == 0
		for w, p := range process {
			if w == writer {
				add(w, p, history.Event{Type: history.Invoke, F: Append, Value: value})
				continue
			}
			add(w, p, history.Event{Type: history.Invoke, F: Read})
		}
		before := shown()
		if late != "" && n%15 == 7 {
			values, late = append(values, late), ""
		}
		switch {
		case !lost:
			values = append(values, string(value))
		case n%30 == 15:
			late = string(value)
		}
		for i := range process {
			w := (writer + 3 + i) % 5 // two readers end before the writer, and two after
			switch {
			case w == writer && lost:
				add(w, process[w], history.Event{Type: history.Info, F: Append, Value: value})
				process[w] += 5
			case w == writer:
				add(w, process[w], history.Event{Type: history.OK, F: Append, Value: shown()})
			case i == 4:
				add(w, process[w], history.Event{Type: history.OK, F: Read, Value: before})
			default:
				add(w, process[w], history.Event{Type: history.OK, F: Read, Value: shown()})
			}
		}
	}
	ops, err := history.Pair(events)
	if err != nil {
		t.Fatal(err)
	}
	return ops
}

// TestFullKeysCostLittle counts the steps of the search, which are the same on
// every machine: a few for each operation.
func TestFullKeysCostLittle(t *testing.T) {
	ops := fullKey(t)
	l := checker.Linearizable(t.Context(), ops, Model(), checker.Options{})
	if l.Verdict != checker.Valid || len(ops) != 5*LongestList {
		t.Fatalf("%d operations are %s: %s", len(ops), l.Verdict, l.Reason)
	}
	if l.Steps > 10*len(ops) {
		t.Errorf("%d steps for %d operations", l.Steps, len(ops))
	}
}

// TestAFailureInAFullKeyIsSmall lies in one read: what is left is the read, one
// witness, and the appends that they show.
func TestAFailureInAFullKeyIsSmall(t *testing.T) {
	ops := fullKey(t)
	lie := &ops[len(ops)/10].Complete
	if lie.F != Read {
		t.Fatalf("operation %d is no read", len(ops)/10)
	}
	lie.Value = json.RawMessage("[1,2]")
	l := checker.Linearizable(t.Context(), ops, Model(), checker.Options{})
	if l.Verdict != checker.Invalid || len(l.Failures) != 1 {
		t.Fatalf("%s: %s", l.Verdict, l.Reason)
	}
	f := l.Failures[0]
	if !strings.Contains(f.Words[0], "without 3") || len(f.Operations) > 4 {
		t.Errorf("%q, explained by %v", f.Words, f.Described)
	}
}

func BenchmarkFullKey(b *testing.B) {
	ops := fullKey(b)
	for b.Loop() {
		if l := checker.Linearizable(b.Context(), ops, Model(), checker.Options{}); l.Verdict != checker.Valid {
			b.Fatal(l.Reason)
		}
	}
}
