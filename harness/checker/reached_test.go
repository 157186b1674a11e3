package checker

import (
	"maps"
	"testing"
)

func TestReached(t *testing.T) {
	const lease, installed, chunks = "lease-reads", "snapshots-installed", "chunks-sent"
	for name, c := range map[string]struct {
		wanted []string
		tally  Tally
		want   Verdict
		reason string
		counts map[string]int
	}{
		"by nodes":       {[]string{lease}, Tally{"partita_raft_reads_by_lease_total": 412}, Valid, "412 lease reads", map[string]int{lease: 412}},
		"in a simulator": {[]string{lease}, Tally{"lease reads served": 7, "elections": 3}, Valid, "7 lease reads", map[string]int{lease: 7}},
		"once is enough": {[]string{installed}, Tally{"snapshots installed": 1}, Valid, "1 snapshot installed", map[string]int{installed: 1}},
		"several": {[]string{chunks, installed}, Tally{"snapshots installed": 2, "chunks sent": 31}, Valid, "2 snapshots installed, 31 chunks sent",
			map[string]int{installed: 2, chunks: 31}},
		"never":                          {[]string{lease}, Tally{"partita_raft_reads_by_lease_total": 0}, Unknown, "vacuous: no lease read", map[string]int{lease: 0}},
		"not counted by those who count": {[]string{lease}, Tally{"partita_raft_chunks_sent_total": 9}, Unknown, "vacuous: no lease read", map[string]int{lease: 0}},
		"one of two": {[]string{installed, chunks}, Tally{"chunks sent": 31}, Unknown, "vacuous: no snapshot installed",
			map[string]int{installed: 0, chunks: 31}},
		"none of two": {[]string{installed, chunks}, Tally{}, Unknown, "vacuous: no snapshot installed, no chunk sent", map[string]int{installed: 0, chunks: 0}},
		"nobody counted": {[]string{lease}, nil, Unknown,
			"vacuous: nobody counted: the record has neither metrics of a node nor a simulator's coverage", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := Reached(c.wanted, c.tally)
			if got.Verdict != c.want || got.Reason != c.reason || !maps.Equal(got.Counts, c.counts) {
				t.Errorf("%s: %q, %v; want %s: %q, %v", got.Verdict, got.Reason, got.Counts, c.want, c.reason, c.counts)
			}
		})
	}
}

// TestReachableThingsAreApart: each has a name, a metric and a counter of its
// own, or one would be counted for another.
func TestReachableThingsAreApart(t *testing.T) {
	seen := map[string]bool{}
	for _, x := range things {
		for _, name := range []string{x.name, x.metric, x.coverage} {
			if name == "" || seen[name] {
				t.Errorf("%s: %q stands for nothing, or for another thing too", x.name, name)
			}
			seen[name] = true
		}
	}
}
