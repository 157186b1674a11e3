package interpreter

import (
	"slices"
	"testing"
	"time"

	"partita/harness/generator"
	"partita/harness/history"
)

// counting gives each worker's operations a number of their own.
type counting struct {
	given    map[int]int64
	observed int
}

func (c *counting) Next(worker int) history.Event {
	c.given[worker]++
	return history.Event{F: "write", Key: "a", Value: history.Int(c.given[worker])}
}

func (c *counting) Observe(history.Event) { c.observed++ }

func schedule(t *testing.T, seed int64, workers int) *Schedule {
	t.Helper()
	pace, err := generator.NewPace(seed, workers, float64(10*workers))
	if err != nil {
		t.Fatal(err)
	}
	return NewSchedule(&counting{given: map[int]int64{}}, pace, workers, time.Minute)
}

// invocations plays a schedule whose operations take so long each, and gives
// the instants of worker 1's.
func invocations(s *Schedule, took time.Duration) []time.Duration {
	var at []time.Duration
	ends := map[int]time.Duration{}
	for now := time.Duration(0); now < time.Minute; now += time.Millisecond {
		for w := range s.workers {
			if end, busy := ends[w]; busy && end <= now {
				delete(ends, w)
				s.Complete(now, history.Event{Worker: w, Type: history.OK})
			}
		}
		due, _ := s.Invoke(now)
		for _, e := range due {
			ends[e.Worker] = now + took
			if e.Worker == 1 {
				at = append(at, now)
			}
		}
	}
	return at
}

func TestScheduleRepeats(t *testing.T) {
	first := invocations(schedule(t, 7, 3), 5*time.Millisecond)
	if again := invocations(schedule(t, 7, 3), 5*time.Millisecond); !slices.Equal(first, again) {
		t.Error("the same seed gives another schedule")
	}
	if other := invocations(schedule(t, 8, 3), 5*time.Millisecond); slices.Equal(first, other) {
		t.Error("another seed gives the same schedule")
	}
	if n := len(first); n < 540 || n > 660 {
		t.Errorf("%d operations in a minute at ten a second", n)
	}
}

func TestADelayDoesNotMakeABurst(t *testing.T) {
	at := invocations(schedule(t, 7, 3), 5*time.Second)
	for i := 1; i < len(at); i++ {
		if gap := at[i] - at[i-1]; gap < 5*time.Second || gap > 5*time.Second+200*time.Millisecond {
			t.Errorf("operations of 5 s begin %v apart", gap)
		}
	}
	if len(at) < 11 {
		t.Errorf("%d operations of 5 s in a minute", len(at))
	}
}

func TestInfoRetiresTheProcess(t *testing.T) {
	s := schedule(t, 7, 3)
	var processes []int
	for _, outcome := range []history.Type{history.OK, history.Info, history.Fail, history.Info, history.OK} {
		now := s.workers[2].due
		due, _ := s.Invoke(now)
		for _, e := range due {
			if e.Worker != 2 {
				continue
			}
			processes = append(processes, e.Process)
			s.Complete(now, history.Event{Worker: 2, Type: outcome})
		}
	}
	if want := []int{2, 2, 5, 5, 8}; !slices.Equal(processes, want) {
		t.Errorf("processes are %v, want %v", processes, want)
	}
}

func TestWakeAndLate(t *testing.T) {
	s := schedule(t, 7, 2)
	wake := s.Wake(0)
	if due, _ := s.Invoke(wake - 1); len(due) != 0 {
		t.Fatalf("%d operations before the wake", len(due))
	}
	due, late := s.Invoke(wake)
	if len(due) != 1 || late != 0 {
		t.Fatalf("at the wake %d operations, %v late", len(due), late)
	}
	if pending := s.Pending(); len(pending) != 1 || pending[0].Worker != due[0].Worker {
		t.Errorf("pending are %v", pending)
	}
	// The worker was due long ago but busy until now: nobody was late with it.
	// The other one has waited since it was due.
	other := s.workers[1-due[0].Worker].due
	now := 10 * time.Second
	s.Complete(now, history.Event{Worker: due[0].Worker, Type: history.OK})
	if again, late := s.Invoke(now); len(again) != 2 || late != now-other {
		t.Errorf("%d operations, %v late, want %v", len(again), late, now-other)
	}
	if due, _ := s.Invoke(time.Minute); len(due) != 0 || s.Wake(2*time.Minute) != 2*time.Minute {
		t.Error("operations begin after the limit")
	}
}

// The operations of a script keep their times, whatever those before them took;
// a worker whose script is over is never due.
func TestScheduleOfAScript(t *testing.T) {
	steps := []generator.Step{
		{At: time.Second, Worker: 1, F: "write", Key: "a"}, {At: 2 * time.Second, Worker: 1, F: "write", Key: "b"},
		{At: 20 * time.Second, Worker: 1, F: "write", Key: "c"},
	}
	for took, want := range map[time.Duration][]time.Duration{
		5 * time.Millisecond: {time.Second, 2 * time.Second, 20 * time.Second},
		4 * time.Second:      {time.Second, 5 * time.Second, 20 * time.Second},
	} {
		script, err := generator.NewScript(steps, 3)
		if err != nil {
			t.Fatal(err)
		}
		s := NewSchedule(script, script, 3, time.Minute)
		if got := invocations(s, took); !slices.Equal(got, want) {
			t.Errorf("operations of %v each begin at %v, want %v", took, got, want)
		}
		if wake := s.Wake(30 * time.Second); wake != time.Minute {
			t.Errorf("after the script there is something to do at %v", wake)
		}
	}
}
