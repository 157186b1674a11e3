package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEventsRunInOrderOfInstantThenOfAsking(t *testing.T) {
	e := New()
	rng := rand.New(rand.NewPCG(1, 2))
	type mark struct {
		at    time.Duration
		asked int
	}
	var want, got []mark
	for i := range 1000 {
		m := mark{time.Duration(rng.IntN(50)), i}
		want = append(want, m)
		e.After(m.at, func() {
			if e.Now() != m.at {
				t.Errorf("event of %d ran at %d", m.at, e.Now())
			}
			got = append(got, m)
		})
	}
	slices.SortStableFunc(want, func(a, b mark) int { return int(a.at - b.at) })
	for e.Step() {
	}
	if !slices.Equal(got, want) {
		t.Error("events ran out of order")
	}
	if e.Ran() != 1000 {
		t.Errorf("%d events ran, want 1000", e.Ran())
	}
}

func TestTasks(t *testing.T) {
	e := New()
	var log []string
	say := func(what string) { log = append(log, fmt.Sprintf("%d %s", e.Now(), what)) }
	sleeper := e.Go(func(task *Task) {
		say("sleeps")
		task.Sleep(10)
		say("woke")
		task.SleepOrWake(100)
		say("woken")
		task.SleepOrWake(5)
		say("slept out")
	})
	e.After(4, sleeper.Wake)
	e.After(30, sleeper.Wake)
	for e.Step() {
	}
	want := "0 sleeps|10 woke|30 woken|35 slept out"
	if got := strings.Join(log, "|"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if e.Running() != nil {
		t.Error("a task is running after the last event")
	}
}

func TestLongWaitsEndInTime(t *testing.T) {
	e := New()
	var log []string
	say := func() { log = append(log, e.Now().String()) }
	task := e.Go(func(task *Task) {
		for _, d := range []time.Duration{5 * time.Second, time.Second, 3 * time.Second, 10 * time.Second, 2 * long} {
			task.SleepOrWake(d)
			say()
		}
	})
	e.After(100*time.Millisecond, task.Wake) // ends the first wait
	e.After(8*time.Second, task.Wake)        // ends the fourth
	for e.Step() {
	}
	// 0.1 (woken), 1.1, 4.1, 8 (woken), 9
	if got, want := strings.Join(log, " "), "100ms 1.1s 4.1s 8s 9s"; got != want {
		t.Errorf("waits ended at %s, want %s", got, want)
	}
}

func TestStopRunsWhatWasDeferred(t *testing.T) {
	e := New()
	ended := 0
	for range 3 {
		e.Go(func(task *Task) {
			defer func() { ended++ }()
			task.Park()
			t.Error("a parked task went on")
		})
	}
	for e.Step() {
	}
	e.Stop()
	if ended != 3 {
		t.Errorf("%d of 3 tasks were ended", ended)
	}
}

func TestAPanicOfATaskReachesWhoRunsIt(t *testing.T) {
	e := New()
	e.Go(func(*Task) { panic("of the task") })
	defer func() {
		if r := recover(); r != "of the task" {
			t.Errorf("recovered %v", r)
		}
	}()
	e.Step()
	t.Error("nothing was thrown")
}

func BenchmarkTaskSwitch(b *testing.B) {
	e := New()
	task := e.Go(func(task *Task) {
		for {
			task.Sleep(1)
		}
	})
	defer task.Stop()
	for b.Loop() {
		e.Step()
	}
}
