package generator

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"partita/harness/history"
)

func TestScript(t *testing.T) {
	const s = time.Second
	script, err := NewScript([]Step{
		{At: 3 * s, Worker: 1, F: "cas", Key: "a", Value: history.Int(7), Old: history.Null(), How: "twice"},
		{At: 2 * s, Worker: 0, F: "read", Key: "a"},
		{At: 1 * s, Worker: 1, F: "write", Key: "a", Value: history.Int(5)},
		{At: 3 * s, Worker: 1, F: "read", Key: "b"},
	}, 3)
	if err != nil {
		t.Fatal(err)
	}
	due := func(worker int, now, want time.Duration) {
		t.Helper()
		if got := script.Due(worker, 0, now); got != want {
			t.Errorf("worker %d is due at %v, want %v", worker, got, want)
		}
	}
	next := func(worker int, want history.Event) {
		t.Helper()
		if got := script.Next(worker); !reflect.DeepEqual(got, want) {
			t.Errorf("worker %d: got %+v, want %+v", worker, got, want)
		}
	}
	due(0, 0, 2*s)
	due(1, 0, 1*s)
	due(2, 0, history.Never)
	next(1, history.Event{F: "write", Key: "a", Value: history.Int(5)})
	due(1, 1*s, 3*s)
	script.Observe(history.Event{Type: history.Info, F: "write", Key: "a"})
	next(1, history.Event{F: "cas", Key: "a", Value: history.Int(7), Old: history.Null(), How: "twice"})
	due(1, 4*s, 4*s) // it began late
	next(1, history.Event{F: "read", Key: "b"})
	due(1, 4*s, history.Never)
	next(0, history.Event{F: "read", Key: "a"})
	due(0, 2*s, history.Never)
}

func TestScriptOfNobody(t *testing.T) {
	for _, worker := range []int{-1, 3} {
		if _, err := NewScript([]Step{{}, {Worker: worker}}, 3); err == nil || !strings.Contains(err.Error(), "step 1 of the script: there is no worker") {
			t.Errorf("worker %d of 3: %v", worker, err)
		}
	}
}
