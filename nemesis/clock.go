package nemesis

import (
	"errors"
	"fmt"
	"math"
	"time"

	"partita/harness/cluster"
	"partita/nemesis/wire"
)

// The tolerances within which a skew has to be read back; to them comes what
// the readings themselves took.
const (
	offsetTolerance = 50 * time.Millisecond
	rateTolerance   = 0.02
	clockTimeout    = time.Second
)

// keepMargin is how far a monotonic clock may be pushed ahead when its rate is
// set back: it ran on since its offset was read, and must never go back.
const keepMargin = 100 * time.Millisecond

// reading is one look at a node's clocks. Ahead is how far each was ahead of
// the true clock; of Monotonic only differences mean anything, since it counts
// from the start of the process.
type reading struct {
	at        time.Duration // true, since the run began
	give      time.Duration // either way
	realtime  time.Duration
	monotonic time.Duration
	pid       int
}

// skew is one clock fault while it lasts.
type skew struct {
	in      Injection
	nodes   []string
	applied time.Duration // when the agents had done so
	touched bool
	stood   []int64 // offsets of the monotonic clocks before
	before  []reading
	during  []reading
	late    []reading
	after   []reading
	readErr error
	ended   bool
}

// episode skews the clocks of the nodes that hold the role.
func (o *ClockOptions) episode(in Injection) episode {
	return &skew{in: in, nodes: in.targets()}
}

// asked is the skew.
func (s *skew) asked() map[string]any {
	asked := map[string]any{}
	if r := s.in.Skew.Realtime; r != nil {
		asked["realtime"] = *r
	}
	if m := s.in.Skew.Monotonic; m != nil {
		asked["monotonic"] = *m
	}
	return asked
}

// apply reads the clocks, skews them and reads them again.
func (s *skew) apply(w cluster.World) (time.Duration, error) {
	stood, err := states(w, s.nodes)
	if err != nil {
		return 0, err
	}
	for _, state := range stood {
		s.stood = append(s.stood, monotonicOffset(state))
	}
	if s.before, err = read(w, s.nodes); err != nil {
		return 0, err
	}
	s.touched = true
	done, err := tell(w, s.nodes, wire.PathClock, s.command(s.stood))
	if err != nil {
		return 0, err
	}
	s.applied = w.Monotonic(ended(done))
	s.during, s.readErr = read(w, s.nodes)
	return s.applied, nil
}

// command is the body for each node: a monotonic offset is on top of where the
// clock stands, since such a clock is never set back.
func (s *skew) command(stood []int64) func(node string) any {
	byNode := map[string]int64{}
	for i, node := range s.nodes {
		byNode[node] = stood[i]
	}
	return func(node string) any {
		c := wire.Clock{Realtime: s.in.Skew.Realtime}
		if m := s.in.Skew.Monotonic; m != nil {
			c.Monotonic = &wire.Skew{Offset: byNode[node] + m.Offset, Rate: m.Rate}
		}
		return c
	}
}

// monotonicOffset is how far a node's monotonic clock is ahead.
func monotonicOffset(state wire.State) int64 {
	if state.Clock.Monotonic == nil {
		return 0
	}
	return state.Clock.Monotonic.Offset
}

// hold waits, and reads the clocks again just before the heal.
func (s *skew) hold(w cluster.World, until time.Duration) error {
	if err := sleepUntil(w, until); err != nil {
		s.ended = true
		return err
	}
	if s.readErr == nil {
		s.late, s.readErr = read(w, s.nodes)
	}
	return nil
}

// heal makes the real time true and lets the monotonic clock run at rate 1
// from where it stands.
func (s *skew) heal(w cluster.World) error {
	if !s.touched {
		return nil
	}
	if s.in.Skew.Realtime != nil {
		_, err := tell(w, s.nodes, wire.PathClock, func(string) any {
			return wire.Clock{Realtime: &wire.Skew{Rate: 1}}
		})
		return err
	}
	now, err := states(w, s.nodes)
	if err != nil {
		return err
	}
	offsets := map[string]int64{}
	for i, node := range s.nodes {
		offsets[node] = monotonicOffset(now[i])
		if s.in.Skew.Monotonic.Rate > 1 {
			offsets[node] += int64(keepMargin)
		}
	}
	_, err = tell(w, s.nodes, wire.PathClock, func(node string) any {
		return wire.Clock{Monotonic: &wire.Skew{Offset: offsets[node], Rate: 1}}
	})
	return err
}

// judge compares the readings with what was asked for.
func (s *skew) judge(w cluster.World) (bool, map[string]any, error) {
	evidence := map[string]any{}
	if s.readErr != nil || s.during == nil {
		return false, evidence, s.readErr
	}
	var wrong []error
	restored, err := read(w, s.nodes)
	if err != nil {
		wrong = append(wrong, fmt.Errorf("after the heal: %w", err))
	}
	s.after = restored
	seen := map[string]any{}
	evident := true
	for i, node := range s.nodes {
		facts, ok := s.achieved(i)
		seen[node] = facts
		evident = evident && ok
		if s.after != nil && !s.restored(i) {
			wrong = append(wrong, fmt.Errorf("%s: the real time is not true again", node))
		}
	}
	evidence["nodes"] = seen
	return evident, evidence, errors.Join(wrong...)
}

// achieved says what one node's clock did and whether that is what was asked.
func (s *skew) achieved(i int) (map[string]any, bool) {
	asked, ahead := s.in.Skew.Realtime, func(r reading) time.Duration { return r.realtime }
	if asked == nil {
		asked, ahead = s.in.Skew.Monotonic, func(r reading) time.Duration { return r.monotonic }
	}
	before, during := s.before[i], s.during[i]
	same := before.pid == during.pid
	if asked.Rate == 1 {
		offset := ahead(during) - ahead(before)
		wrong := (offset - time.Duration(asked.Offset)).Abs()
		give := offsetTolerance + before.give + during.give
		return map[string]any{"offset": int64(offset), "give": give.Seconds()}, same && wrong <= give && offset.Abs() > give
	}
	if s.late == nil {
		return map[string]any{}, false // the run was ended before the second reading
	}
	late := s.late[i]
	apart := (late.at - during.at).Seconds()
	if apart <= 0 {
		return map[string]any{}, false
	}
	rate := 1 + (ahead(late)-ahead(during)).Seconds()/apart
	// The instants of both readings are uncertain, at a clock of either rate.
	give := rateTolerance + (late.give+during.give).Seconds()*math.Max(1, asked.Rate)/apart
	facts := map[string]any{"rate": rate, "give": give}
	return facts, same && during.pid == late.pid && math.Abs(rate-asked.Rate) <= give && math.Abs(rate-1) > give
}

// restored says whether a node's real time is as before.
func (s *skew) restored(i int) bool {
	give := offsetTolerance + s.before[i].give + s.after[i].give
	return s.in.Skew.Realtime == nil || (s.after[i].realtime-s.before[i].realtime).Abs() <= give
}

// read asks nodes for their own time and compares it with the agents' true one.
func read(w cluster.World, nodes []string) ([]reading, error) {
	truth, err := states(w, nodes)
	if err != nil {
		return nil, err
	}
	readings := make([]reading, len(nodes))
	for i, node := range nodes {
		asked := w.Now()
		c, err := w.Clock(node, clockTimeout)
		if err != nil {
			return nil, fmt.Errorf("read the clock of %s: %w", node, err)
		}
		give := (w.Now() - asked) / 2
		at := asked + give
		// The true real time at that instant, by the agent's pair of clocks.
		real := truth[i].Realtime + int64(at-w.Monotonic(truth[i].Now))
		readings[i] = reading{
			at: at, give: give, pid: truth[i].PID,
			realtime:  time.Duration(c.Realtime - real),
			monotonic: time.Duration(c.Monotonic) - at,
		}
	}
	return readings, nil
}
