package report

import (
	"maps"
	"slices"

	"partita/harness/store"
)

// inside is what a simulator knows of a cluster.
type inside struct {
	Steps    string
	Seconds  string
	Hash     string
	Coverage []coverageRow
	Never    int // counters that stayed at zero
}

// coverageRow is one thing that a run may reach, and how often it did.
type coverageRow struct {
	Name  string
	Count string
	Never bool
}

func insideOf(s *store.Simulation) *inside {
	if s == nil {
		return nil
	}
	shown := &inside{Steps: thousands(s.Steps), Seconds: secondsOf(s.Seconds), Hash: s.HistorySHA256}
	for _, name := range slices.Sorted(maps.Keys(s.Coverage)) {
		n := s.Coverage[name]
		shown.Coverage = append(shown.Coverage, coverageRow{name, thousands(n), n == 0})
		if n == 0 {
			shown.Never++
		}
	}
	return shown
}
