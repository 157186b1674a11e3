package core

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// draws are the first waits of a member with this seed.
func draws(seed uint64, jitter Duration) (list []Duration) {
	c := &Core{cfg: Config{ElectionJitter: jitter}, rand: seed}
	for range 8 {
		list = append(list, c.jitter())
	}
	return list
}

// TestJitterFollowsTheSeed: a wait is at least a nanosecond and at most the
// jitter. The same seed waits the same; another, also the next number, does not
// (hashicorp/raft#50: with equal seeds all stand for election together, for ever).
func TestJitterFollowsTheSeed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		jitter := Duration(rapid.Int64Range(1, 1<<40).Draw(t, "jitter"))
		for _, d := range draws(seed, jitter) {
			if d < 1 || d > jitter {
				t.Fatalf("seed %d waits %d of at most %d", seed, d, jitter)
			}
		}
		if !slices.Equal(draws(seed, 1<<40), draws(seed, 1<<40)) {
			t.Fatalf("seed %d waits differently the second time", seed)
		}
		if slices.Equal(draws(seed, 1<<40), draws(seed+1, 1<<40)) {
			t.Fatalf("seeds %d and %d wait the same", seed, seed+1)
		}
	})
}
