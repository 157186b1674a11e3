package checker

import (
	"strings"
	"testing"

	"partita/harness/history"
)

// sent is an append with copies that were answered so, the list afterwards
// being its value alone.
func sent(index int, id uint64, answers ...string) history.Operation {
	in := history.Event{Index: index, Type: history.Invoke, F: "append", Key: "k", Value: history.Int(int64(index))}
	out := in
	out.Index, out.Type, out.Value = index+1, history.Info, in.Value
	out.Session = &history.Session{ID: id, Number: 1}
	for _, a := range answers {
		out.Session.Copies = append(out.Session.Copies, history.Copy{Node: "n1", Answer: a})
	}
	return history.Operation{Invoke: in, Complete: out}
}

func TestCopiesAreCounted(t *testing.T) {
	ops := []history.Operation{
		sent(0, 4, history.Executed, history.Repeated, "session_stale"),
		sent(2, 4, history.Executed),
		sent(4, 9, "timeout", "session_expired", "session_expired"),
		{Invoke: history.Event{Index: 6, F: "read", Key: "k"}, Complete: history.Event{Index: 7, F: "read", Key: "k", Type: history.Info}},
	}
	want := SessionCounts{Opened: 2, Resent: 4, Duplicates: 1, Stale: 1, Expired: 2}
	if got := ExactlyOnce(ops, Model{Access: ListAccess}); *got.Sessions != want || got.Verdict != Valid || got.Keys != 1 {
		t.Errorf("%+v with %+v, want %+v", got, *got.Sessions, want)
	}
}

// TestHardlyAnyDuplicatesProveNothing, and do not hide what is wrong.
func TestHardlyAnyDuplicatesProveNothing(t *testing.T) {
	for _, c := range []struct {
		duplicates int
		verdict    Verdict
		want       Verdict
	}{{0, Valid, Unknown}, {enough - 1, Valid, Unknown}, {enough, Valid, Valid}, {0, Invalid, Invalid}} {
		got := enoughCopies(Result{Verdict: c.verdict, Sessions: &SessionCounts{Duplicates: c.duplicates}})
		if got.Verdict != c.want || (got.Verdict == Unknown) != strings.Contains(got.Reason, "at least 10") {
			t.Errorf("%d duplicates of a %s run: %s (%s)", c.duplicates, c.verdict, got.Verdict, got.Reason)
		}
	}
}

// TestExactlyOnceTellsFirst: it says more than that no order explains a list.
func TestExactlyOnceTellsFirst(t *testing.T) {
	_, reason := Compose(map[string]Result{
		"linearizable": {Verdict: Invalid, Reason: "l"}, "exactly-once": {Verdict: Invalid, Reason: "e"},
	})
	if reason != "exactly-once: e" {
		t.Errorf("the reason is %q", reason)
	}
}

// TestFailingKeysAreCounted: the reason is of the first key, in natural order.
func TestFailingKeysAreCounted(t *testing.T) {
	var ops []history.Operation
	for i, key := range []string{"k10.0", "k2.0", "k2.0"} {
		op := sent(2*i, uint64(i+1), history.Executed, history.Executed)
		op.Invoke.Key, op.Complete.Key = key, key
		ops = append(ops, op)
	}
	got := ExactlyOnce(ops, Model{Access: ListAccess})
	if got.Verdict != Invalid || strings.Join(got.Failing, " ") != "k2.0 k10.0" ||
		!strings.HasPrefix(got.Reason, "p0's append of 2 to k2.0 as number 1 of session 2 (n1 ok, n1 ok) was executed again") ||
		!strings.HasSuffix(got.Reason, "(and 1 more)") {
		t.Errorf("%s, failing %v: %s", got.Verdict, got.Failing, got.Reason)
	}
}
