package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"

	"partita/nemesis/agent/mono"
	"partita/nemesis/agent/vdso"
	"partita/nemesis/wire"
)

// attempts bounds how often a change of clocks that came too late, because the
// machine held us up, is tried again.
const attempts = 100

// Skew changes the node's clocks from now on, in this boot and the next ones.
func (s *Supervisor) Skew(ctx context.Context, c wire.Clock) error {
	if c.Realtime == nil && c.Monotonic == nil {
		return fmt.Errorf("%w: no clock is named", ErrCommand)
	}
	return s.turnClocks(ctx, func(old vdso.Clocks, realtime, monotonic int64) (vdso.Clocks, error) {
		return skewed(old, c, realtime, monotonic)
	})
}

// Straighten makes the realtime clock true and lets the monotonic one, which
// never goes back, run at the true rate from where it stands. Where clocks
// cannot be skewed there is nothing to do.
func (s *Supervisor) Straighten(ctx context.Context) error {
	if !s.options.Clocks {
		return nil
	}
	return s.turnClocks(ctx, straightened)
}

// turnClocks brings into force what change makes of the clocks, given the
// instants of the true ones.
func (s *Supervisor) turnClocks(ctx context.Context, change func(old vdso.Clocks, realtime, monotonic int64) (vdso.Clocks, error)) error {
	if !s.options.Clocks {
		return fmt.Errorf("%w: this container was not configured for skewed clocks", ErrCommand)
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	for range attempts {
		realtime, monotonic := mono.Realtime(), mono.Now()
		next, err := change(s.clocks, realtime, monotonic)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCommand, err)
		}
		if n := s.running(); n != nil {
			err = n.clocks.Set(next, monotonic+int64(vdso.Margin))
		}
		switch {
		case errors.Is(err, vdso.ErrLate):
			continue
		case err == nil || errors.Is(err, os.ErrProcessDone) || errors.Is(err, os.ErrClosed):
			s.mu.Lock()
			s.clocks = next
			s.mu.Unlock()
			return nil
		default:
			return fmt.Errorf("supervisor: set the node's clocks: %w", err)
		}
	}
	return fmt.Errorf("supervisor: set the node's clocks: %d times: %w", attempts, vdso.ErrLate)
}

// skewed is the clocks with a skew from the given instants on.
func skewed(old vdso.Clocks, c wire.Clock, realtime, monotonic int64) (next vdso.Clocks, err error) {
	next = old
	if c.Realtime != nil {
		if next.Realtime, err = line(realtime, *c.Realtime); err != nil {
			return old, fmt.Errorf("realtime: %w", err)
		}
	}
	if c.Monotonic != nil {
		if next.Monotonic, err = line(monotonic, *c.Monotonic); err == nil {
			next.Monotonic, err = old.Monotonic.Forward(next.Monotonic, monotonic)
		}
		if err != nil {
			return old, fmt.Errorf("monotonic: %w", err)
		}
	}
	return next, nil
}

func line(now int64, s wire.Skew) (vdso.Line, error) {
	rate, err := vdso.RateOf(s.Rate)
	if err != nil {
		return vdso.Line{}, err
	}
	return vdso.Skewed(now, s.Offset, rate)
}

// straightened is the clocks without skew, as far as they can be.
func straightened(old vdso.Clocks, _, monotonic int64) (vdso.Clocks, error) {
	next := vdso.Clocks{Realtime: vdso.Straight(), Monotonic: old.Monotonic}
	if old.Monotonic.Rate == vdso.True {
		return next, nil
	}
	straight := vdso.Line{Base: monotonic, Shown: old.Monotonic.At(monotonic), Rate: vdso.True}
	var err error
	next.Monotonic, err = old.Monotonic.Forward(straight, monotonic)
	return next, err
}

// inForce is the skew of clocks at the given instants of the true ones.
func inForce(c vdso.Clocks, realtime, monotonic int64) wire.Clock {
	return wire.Clock{
		Realtime:  &wire.Skew{Offset: c.Realtime.Offset(realtime), Rate: c.Realtime.Rate.Float()},
		Monotonic: &wire.Skew{Offset: c.Monotonic.Offset(monotonic), Rate: c.Monotonic.Rate.Float()},
	}
}
