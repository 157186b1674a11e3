package core

import "testing"

// TestStampsAreFew: when a round was sent is remembered only for a lease, only if
// the clock is known, and only of so many rounds.
func TestStampsAreFew(t *testing.T) {
	for name, k := range map[string]struct {
		lease bool
		now   Instant
		want  int
	}{
		"no lease":       {false, 1000 * ms, 0},
		"no clock":       {true, 0, 0},
		"nobody answers": {true, 1000 * ms, maxStamps},
	} {
		c := storyCore(t, Restored{})
		c.cfg.Lease = k.lease
		elect(c)
		for range 2 * maxStamps {
			tell(c, TimerFired{HeartbeatTimer, k.now})
		}
		if got := len(c.lead.stamps); got != k.want {
			t.Errorf("%s: %d rounds are remembered, not %d", name, got, k.want)
		}
	}
}
