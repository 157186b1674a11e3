package nemesis

import (
	"time"

	"partita/nemesis/wire"
)

// leastProbes is how many probes must have been sent in a cut direction, all
// of them lost, for the cut to be evident.
const leastProbes = 3

// probeFlight is how long before the heal a probe must have been sent to count:
// one sent just before may arrive after it.
const probeFlight = 10 * time.Millisecond

// Direction is what the probes tell of one direction in an interval.
type Direction struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Sent     int    `json:"sent"`
	Received int    `json:"received"` // of those
	Cut      bool   `json:"cut"`      // as the grudge asks
}

// Observe counts, for every direction between the nodes, the probes sent in
// [since, until) on the shared clock, and those of them that arrived.
func Observe(g Grudge, nodes []string, probes map[string]wire.Probes, since, until int64) []Direction {
	var all []Direction
	for _, from := range nodes {
		sent := map[uint64]bool{}
		for _, p := range probes[from].Sent {
			if p.At >= since && p.At < until {
				sent[p.Number] = true
			}
		}
		for _, to := range nodes {
			if from == to {
				continue
			}
			arrived := map[uint64]bool{}
			for _, p := range probes[to].Received[from] {
				if sent[p.Number] {
					arrived[p.Number] = true
				}
			}
			all = append(all, Direction{From: from, To: to, Sent: len(sent), Received: len(arrived), Cut: g.Has(from, to)})
		}
	}
	return all
}

// Evident says whether the directions show the cut that was asked for: enough
// probes were sent in each cut direction and none arrived, and some arrived in
// every other.
func Evident(directions []Direction) bool {
	cut := false
	for _, d := range directions {
		switch {
		case d.Cut && (d.Sent < leastProbes || d.Received > 0):
			return false
		case !d.Cut && d.Received == 0:
			return false
		}
		cut = cut || d.Cut
	}
	return cut
}

// Whole says whether some probe arrived in every direction.
func Whole(directions []Direction) bool {
	for _, d := range directions {
		if d.Received == 0 {
			return false
		}
	}
	return len(directions) > 0
}

// add sums the counts of the same directions over several intervals.
func add(sum, more []Direction) []Direction {
	if sum == nil {
		return more
	}
	for i := range sum {
		sum[i].Sent += more[i].Sent
		sum[i].Received += more[i].Received
	}
	return sum
}
