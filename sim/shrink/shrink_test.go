package shrink

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"partita/harness/scenario"
	"partita/sim/explore"
	"partita/sim/play"
)

// impatient is a scenario that fails without any bug: it wants every node to
// answer a tenth of a second after a heal, and an election takes longer.
func impatient(t *testing.T) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse("impatient.yaml", []byte(`
name: impatient
nodes: 3
node: {election-timeout: 300ms, election-jitter: 100ms, heartbeat: 50ms}
workload: {name: register, concurrency: 3n, rate: 100}
nemesis:
  - partition: {every: 1500ms, for: 800ms, phase: 300ms}
  - pause: {every: 2s, for: 600ms}
time-limit: 7s
checks: {availability: {recover-within: 100ms}}
seed: 7
`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRunMakesAFailureSmall, and into the same file however many candidates are
// tried at once.
func TestRunMakesAFailureSmall(t *testing.T) {
	var texts [][]byte
	for _, workers := range []int{1, 4} {
		last := Progress{}
		r, err := Run(t.Context(), impatient(t), Options{Attempts: 1000, Workers: workers}, func(p Progress) {
			if p.Attempts <= last.Attempts {
				t.Errorf("progress after %d attempts, then after %d", last.Attempts, p.Attempts)
			}
			last = p
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict.Check != availability || r.Attempts > 1000 {
			t.Errorf("%+v after %d attempts", r.Verdict, r.Attempts)
		}
		if now, before := r.Now, r.Before; now.Faults > 4 || now.Operations > 12 || now.Nodes > before.Nodes || now.Lasts > before.Lasts {
			t.Errorf("%v", r.Progress)
		}
		read, err := scenario.Parse("small.yaml", r.Text)
		if err != nil {
			t.Fatal(err)
		}
		if v, _, err := explore.Try(t.Context(), read); err != nil || v.Check != availability {
			t.Errorf("the file written gives %+v, %v", v, err)
		}
		texts = append(texts, r.Text)
	}
	if !bytes.Equal(texts[0], texts[1]) {
		t.Errorf("one at a time gives\n%s\nfour at once\n%s", texts[0], texts[1])
	}
}

func TestWhatDoesNotFailIsNotMadeSmall(t *testing.T) {
	s := impatient(t)
	s.Checks.Availability.RecoverWithin = 5 * time.Second
	if _, err := Run(t.Context(), s, Options{Attempts: 10, Workers: 2}, nil); !errors.Is(err, ErrPasses) {
		t.Errorf("got %v, want %v", err, ErrPasses)
	}
}

// TestWhatIsWrittenDownIsTheRunItself: a seed that draws its faults and its
// operations, and the scenario that lists both, have one history.
func TestWhatIsWrittenDownIsTheRunItself(t *testing.T) {
	run := func(s *scenario.Scenario) play.Outcome {
		t.Helper()
		setup, err := play.FromScenario(s)
		if err != nil {
			t.Fatal(err)
		}
		setup.Hash = true
		o, err := play.Run(setup)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	for seed := range int64(4) {
		drawn, err := explore.Draw(seed, explore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		o := run(drawn)
		whole, err := explicit(trial{drawn, o, explore.Verdict{}})
		if err != nil {
			t.Fatal(err)
		}
		if read := reread(whole); read == nil {
			t.Errorf("seed %d: what was written down is no scenario", seed)
		} else if again := run(read); again.SHA256 != o.SHA256 {
			t.Errorf("seed %d: %d events drawn and %d written down differ", seed, len(o.Events), len(again.Events))
		}
	}
}

// TestTerse: the file is shorter and says the same.
func TestTerse(t *testing.T) {
	s := impatient(t)
	s.Workload.Script = aScript()
	text, err := terse(s)
	if err != nil {
		t.Fatal(err)
	}
	read, err := scenario.Parse("other.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := s.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := read.YAML(); err != nil || !bytes.Equal(again, whole) {
		t.Errorf("(%v)\n%s\nsays\n%s\nwant\n%s", err, text, again, whole)
	}
	for _, key := range []string{"budget", "max-batch", "peer-silence", "keys", "shapes", "expect"} {
		if bytes.Contains(text, []byte(key)) {
			t.Errorf("%s is as always and need not be said:\n%s", key, text)
		}
	}
	if !slices.ContainsFunc(bytes.Split(text, []byte("\n")), func(line []byte) bool { return string(line) == "seed: 7" }) {
		t.Errorf("no seed in\n%s", text)
	}
}
