package checker

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"partita/harness/history"
)

var rewrite = flag.Bool("rewrite", false, "write the answers under testdata anew")

// TestGolden judges the histories under testdata, each named for what it
// shows, and compares the words with those beside it.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden histories: %v", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		t.Run(name, func(t *testing.T) {
			l := Linearizable(t.Context(), load(t, path), register(), Options{})
			want := Valid
			if strings.HasPrefix(name, "invalid-") {
				want = Invalid
			}
			if l.Verdict != want {
				t.Fatalf("verdict is %s, want %s: %s", l.Verdict, want, l.Reason)
			}
			said := said(l)
			answer := strings.TrimSuffix(path, ".jsonl") + ".txt"
			if *rewrite {
				if err := os.WriteFile(answer, []byte(said), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(answer)
			if err != nil {
				t.Fatal(err)
			}
			if said != string(golden) {
				t.Errorf("said:\n%swant:\n%s", said, golden)
			}
		})
	}
}

// said is the answer as text.
func said(l Linearizability) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d keys\n", l.Verdict, l.Keys)
	if l.Reason != "" {
		fmt.Fprintln(&b, l.Reason)
	}
	for _, f := range l.Failures {
		fmt.Fprintf(&b, "smallest sub-history of %s:\n", f.Key)
		for i, op := range f.Operations {
			fmt.Fprintf(&b, "  p%d %s\n", op.Invoke.Process, f.Described[i])
		}
	}
	return b.String()
}

// TestAgainstBruteForce compares verdicts on small random histories, capping
// and dropping included, with a search that does neither.
func TestAgainstBruteForce(t *testing.T) {
	cases := map[string]chaos{
		"unique values":         {operations: 7, processes: 3, unique: true, lies: 0.2},
		"unique values and cas": {operations: 7, processes: 3, unique: true, cas: true, lies: 0.1},
		"repeated values":       {operations: 7, processes: 3, cas: true, lies: 0.2},
		"truth":                 {operations: 9, processes: 4, unique: true, cas: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			invalid := 0
			for seed := range uint64(3000) {
				ops := paired(t, randomHistory(rand.New(rand.NewPCG(seed, 1)), c))
				want := bruteForce(register(), ops)
				got := Linearizable(t.Context(), ops, register(), Options{Parallel: 1, Explain: -1})
				if (got.Verdict == Valid) != want && len(ops) > 0 {
					t.Fatalf("seed %d: %s, brute force says %v\n%v", seed, got.Verdict, want, ops)
				}
				if !want {
					invalid++
				}
			}
			if c.lies > 0 && (invalid < 100 || invalid > 2900) || c.lies == 0 && invalid > 0 {
				t.Errorf("%d of 3000 histories were invalid: they test little", invalid)
			}
		})
	}
}

// TestMinimalStaysInvalid explains random invalid histories: the sub-history
// must be invalid by brute force too, and no larger than the history.
func TestMinimalStaysInvalid(t *testing.T) {
	c := chaos{operations: 12, processes: 4, unique: true, cas: true, lies: 0.15}
	explained, generic := 0, 0
	for seed := range uint64(1500) {
		ops := paired(t, randomHistory(rand.New(rand.NewPCG(seed, 2)), c))
		l := Linearizable(t.Context(), ops, register(), Options{Parallel: 1})
		if l.Verdict != Invalid {
			continue
		}
		f := l.Failures[0]
		explained++
		if strings.Contains(f.Words[0], "no order of") {
			generic++
		}
		if bruteForce(register(), f.Operations) {
			t.Fatalf("seed %d: the sub-history is explained: %v", seed, f.Described)
		}
		if len(f.Words) == 0 || len(f.Operations) > len(ops) {
			t.Fatalf("seed %d: %d operations, words %q", seed, len(f.Operations), f.Words)
		}
	}
	if explained < 100 || generic > explained/2 {
		t.Errorf("%d histories explained, %d of them only in general words", explained, generic)
	}
}

// TestLeavingOutIsSound leaves random operations out of truthful histories: what
// minimise may leave out never makes a violation.
func TestLeavingOutIsSound(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 3))
		ops := paired(t, randomHistory(r, chaos{operations: 9, processes: 4, unique: seed%2 == 0, cas: true}))
		for _, key := range byKey(ops, register()) {
			key.prepare()
			var some []*span
			for _, s := range key.spans {
				if r.IntN(2) == 0 {
					some = append(some, s)
				}
			}
			m := &minimiser{ctx: t.Context(), model: register(), all: key.spans, steps: minimiseBudget}
			if m.fails(m.sound(some)) {
				t.Fatalf("seed %d: leaving out made a violation of %v", seed, ops)
			}
		}
	}
}

// hard is a history whose search explodes: many clients on one key, and a
// violation at its end.
func hard(clients int) []history.Event {
	var events []history.Event
	add := func(e history.Event) {
		e.Index, e.Key, e.Node = len(events), "k1.1", "n1"
		e.Time = time.Duration(e.Index) * time.Millisecond
		events = append(events, e)
	}
	for p := range clients {
		add(history.Event{Process: p, Type: history.Invoke, F: "write", Value: history.Int(int64(p + 1))})
	}
	for p := range clients {
		add(history.Event{Process: p, Type: history.OK, F: "write", Value: history.Int(int64(p + 1))})
	}
	for _, f := range []string{"read", "cas", "read"} {
		e := history.Event{Process: 0, Type: history.Invoke, F: f}
		if f == "cas" {
			e.Old, e.Value = history.Int(1), history.Int(1000)
		}
		add(e)
		e.Type = history.OK
		if f == "read" {
			e.Value = history.Int(1)
		} else {
			e.Swapped = new(bool) // though 1 was there before and after
		}
		add(e)
	}
	return events
}

func TestBudget(t *testing.T) {
	ops := paired(t, hard(24))
	var first Linearizability
	for i, parallel := range []int{1, 2, 8} {
		l := Linearizable(t.Context(), ops, register(), Options{Budget: 100_000, Parallel: parallel})
		if l.Verdict != Unknown || !strings.HasPrefix(l.Reason, "budget: key k1.1") || len(l.Undecided) != 1 {
			t.Fatalf("verdict %s, reason %q", l.Verdict, l.Reason)
		}
		if i == 0 {
			first = l
		}
		if l.Steps != first.Steps || l.Steps < 100_000 || l.Steps > 100_001 {
			t.Errorf("%d steps with %d at once, %d with one", l.Steps, parallel, first.Steps)
		}
	}
}

func TestTimeout(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := Linearizable(ctx, paired(t, hard(24)), register(), Options{})
	if l.Verdict != Unknown || !strings.HasPrefix(l.Reason, "timeout:") {
		t.Errorf("verdict %s, reason %q", l.Verdict, l.Reason)
	}
}

func TestNoOperations(t *testing.T) {
	if l := Linearizable(t.Context(), nil, register(), Options{}); l.Verdict != Unknown {
		t.Errorf("an empty history is %s", l.Verdict)
	}
}

// TestPrefix feeds histories event by event: no valid history may ever look
// invalid, and an invalid one must be found by its end.
func TestPrefix(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			record, err := history.Read(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			prefix := NewPrefix(register(), Options{})
			var last Result
			for n := range record.Events {
				last = prefix.Check(t.Context(), paired(t, record.Events[:n+1]))
				if strings.Contains(path, "/valid-") && last.Verdict == Invalid {
					t.Fatalf("the first %d events are invalid: %s", n+1, last.Reason)
				}
			}
			if strings.Contains(path, "/invalid-") && last.Verdict != Invalid {
				t.Errorf("the whole history is %s", last.Verdict)
			}
		})
	}
}

// TestPrefixSparesKnownKeys counts steps: a key that gained nothing costs none.
func TestPrefixSparesKnownKeys(t *testing.T) {
	model, steps := register(), 0
	step := model.Step
	model.Step = func(state any, op history.Operation) (bool, any) {
		steps++
		return step(state, op)
	}
	ops := paired(t, randomHistory(rand.New(rand.NewPCG(1, 4)), chaos{operations: 300, processes: 3, unique: true, keys: 10}))
	prefix := NewPrefix(model, Options{Parallel: 1})
	if got := prefix.Check(t.Context(), ops); got.Verdict != Valid || steps == 0 {
		t.Fatalf("verdict %s after %d steps", got.Verdict, steps)
	}
	steps = 0
	if got := prefix.Check(t.Context(), ops); got.Verdict != Valid || got.Keys != 10 || steps != 0 {
		t.Errorf("verdict %s of %d keys, %d steps the second time", got.Verdict, got.Keys, steps)
	}
}

func TestVisualize(t *testing.T) {
	l := Linearizable(t.Context(), load(t, "testdata/invalid-stale-read.jsonl"), register(), Options{})
	var page bytes.Buffer
	notes := []Note{{Lane: "partition", Text: "ring </script>", Details: "n1 n2", From: 11 * time.Second, To: 12 * time.Second}}
	if err := l.Failures[0].Visualize(t.Context(), &page, notes); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"p13 n4: read -\\u003e 17", "ring", "render(data)"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page.String(), "ring </script>") {
		t.Error("markup of a note came through")
	}
}

// big is a history like that of a long run: 240 keys, 25,000 operations.
func big(t testing.TB) []history.Operation {
	return paired(t, randomHistory(rand.New(rand.NewPCG(7, 7)), chaos{operations: 25_000, processes: 15, unique: true, cas: true, keys: 240}))
}

// TestLongHistory judges one: the work grows with the operations, not faster.
func TestLongHistory(t *testing.T) {
	ops := big(t)
	l := Linearizable(t.Context(), ops, register(), Options{})
	if l.Verdict != Valid || l.Keys != 240 {
		t.Fatalf("%s, %d keys: %s", l.Verdict, l.Keys, l.Reason)
	}
	if l.Steps > 40*len(ops) {
		t.Errorf("%d steps for %d operations", l.Steps, len(ops))
	}
}

// TestLongFailure finds one lie in a long history and makes it small.
func TestLongFailure(t *testing.T) {
	ops := big(t)
	for i := len(ops) - 500; i < len(ops); i++ {
		if op := &ops[i]; op.Invoke.F == "read" && op.Complete.Type == history.OK {
			op.Complete.Value = history.Null()
			break
		}
	}
	l := Linearizable(t.Context(), ops, register(), Options{})
	if l.Verdict != Invalid || len(l.Failures) != 1 {
		t.Fatalf("%s: %s", l.Verdict, l.Reason)
	}
	if f := l.Failures[0]; len(f.Operations) != 2 {
		t.Errorf("%d operations explain it: %v", len(f.Operations), f.Described)
	}
}

func BenchmarkExplain(b *testing.B) {
	ops := big(b)
	for i := range ops {
		if op := &ops[i]; i%500 == 499 && op.Invoke.F == "read" && op.Complete.Type == history.OK {
			op.Complete.Value = history.Null()
		}
	}
	for b.Loop() {
		if l := Linearizable(b.Context(), ops, register(), Options{}); l.Verdict != Invalid || len(l.Failures) != 3 {
			b.Fatal(l.Reason)
		}
	}
}

func BenchmarkLinearizable(b *testing.B) {
	ops := big(b)
	for b.Loop() {
		if l := Linearizable(b.Context(), ops, register(), Options{}); l.Verdict == Invalid {
			b.Fatal(l.Reason)
		}
	}
}

func FuzzLinearizable(f *testing.F) {
	f.Add(uint64(1), uint8(7), true, true)
	f.Add(uint64(2), uint8(5), false, true)
	f.Fuzz(func(t *testing.T, seed uint64, operations uint8, unique, cas bool) {
		c := chaos{operations: int(operations % 9), processes: 3, unique: unique, cas: cas, lies: 0.2}
		ops := paired(t, randomHistory(rand.New(rand.NewPCG(seed, 5)), c))
		l := Linearizable(t.Context(), ops, register(), Options{Parallel: 1})
		if want := bruteForce(register(), ops); len(ops) > 0 && (l.Verdict == Valid) != want {
			t.Fatalf("%s, brute force says %v", l.Verdict, want)
		}
	})
}
