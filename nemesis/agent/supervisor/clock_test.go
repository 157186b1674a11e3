package supervisor

import (
	"errors"
	"testing"
	"time"

	"partita/nemesis/agent/mono"
	"partita/nemesis/agent/vdso"
	"partita/nemesis/wire"
)

const second = int64(time.Second)

func TestSkewedClocks(t *testing.T) {
	const realtime, monotonic = 1_000_000 * second, 1000 * second
	ahead := vdso.TrueClocks()
	ahead.Monotonic.Shown = 5 * second
	for _, c := range []struct {
		name     string
		old      vdso.Clocks
		ask      wire.Clock
		real     int64 // offsets afterwards
		mono     int64
		refused  bool
		backward bool
	}{
		{"realtime ahead", vdso.TrueClocks(), wire.Clock{Realtime: &wire.Skew{Offset: second, Rate: 1}}, second, 0, false, false},
		{"realtime behind", vdso.TrueClocks(), wire.Clock{Realtime: &wire.Skew{Offset: -second, Rate: 1}}, -second, 0, false, false},
		{"one leaves the other", ahead, wire.Clock{Realtime: &wire.Skew{Offset: second, Rate: 2}}, second, 5 * second, false, false},
		{"monotonic ahead", ahead, wire.Clock{Monotonic: &wire.Skew{Offset: 6 * second, Rate: 1}}, 0, 6 * second, false, false},
		{"monotonic faster from where it is", ahead, wire.Clock{Monotonic: &wire.Skew{Offset: 5 * second, Rate: 1.5}}, 0, 5 * second, false, false},
		{"monotonic slower is lifted", ahead, wire.Clock{Monotonic: &wire.Skew{Offset: 5 * second, Rate: 0.5}}, 0, 5*second + int64(vdso.Margin)/2, false, false},
		{"monotonic back", ahead, wire.Clock{Monotonic: &wire.Skew{Offset: 4 * second, Rate: 1}}, 0, 0, true, true},
		{"a refused clock takes the other along", ahead, wire.Clock{Realtime: &wire.Skew{Offset: second, Rate: 1}, Monotonic: &wire.Skew{Rate: 1}}, 0, 0, true, true},
		{"rate left out", vdso.TrueClocks(), wire.Clock{Realtime: &wire.Skew{Offset: second}}, 0, 0, true, false},
		{"offset too large", vdso.TrueClocks(), wire.Clock{Realtime: &wire.Skew{Offset: 1 << 62, Rate: 1}}, 0, 0, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := skewed(c.old, c.ask, realtime, monotonic)
			if c.refused {
				if err == nil || errors.Is(err, vdso.ErrBackward) != c.backward || got != c.old {
					t.Errorf("got %+v, %v; want it refused, backward %v", got, err, c.backward)
				}
				return
			}
			now := inForce(got, realtime, monotonic)
			if err != nil || now.Realtime.Offset != c.real || now.Monotonic.Offset != c.mono {
				t.Errorf("offsets %d and %d, %v; want %d and %d", now.Realtime.Offset, now.Monotonic.Offset, err, c.real, c.mono)
			}
		})
	}
}

func TestStraightened(t *testing.T) {
	const now = 1000 * second
	for _, c := range []struct {
		name string
		rate vdso.Rate
		want int64 // the offset that is kept
	}{
		{"jumped", vdso.True, 5 * second},
		{"fast", 2 * vdso.True, 5*second + int64(vdso.Margin)},
		{"slow", vdso.True / 2, 5 * second},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := vdso.Clocks{Realtime: vdso.Line{Base: 1, Shown: 2, Rate: 3}, Monotonic: vdso.Line{Base: now, Shown: now + 5*second, Rate: c.rate}}
			got, err := straightened(old, 0, now)
			if err != nil || got.Realtime != vdso.Straight() || got.Monotonic.Rate != vdso.True || got.Monotonic.Offset(now) != c.want {
				t.Errorf("got %+v, %v; want offset %d", got, err, c.want)
			}
		})
	}
}

// shows checks a reading against the clocks that the supervisor says are in
// force. A reading stands between two looks at the true clocks, so no noise of
// the machine can fail it.
func (r *runs) shows(g reading) {
	r.t.Helper()
	c := r.clocks
	if low, high := c.Realtime.At(g.RealBefore), c.Realtime.At(g.RealAfter); g.Wall < low-2 || g.Wall > high+2 {
		r.t.Errorf("its time.Now is %d, want %d to %d", g.Wall, low, high)
	}
}

func TestSkewIsSeenByTheNodeAndItsNextBoot(t *testing.T) {
	r := supervise(t, "clock", func(o *Options) { o.Clocks = true })
	if s := r.state(); s.Clock.Realtime == nil || *s.Clock.Monotonic != (wire.Skew{Rate: 1}) {
		t.Errorf("before its start: %+v", s.Clock)
	}
	ask := wire.Clock{Realtime: &wire.Skew{Offset: -3600 * second, Rate: 1}, Monotonic: &wire.Skew{Rate: 1.5}}
	r.must("start", r.Start(r.ctx))
	r.shows(r.lastReading(mono.Now()))
	r.must("skew", r.Skew(r.ctx, ask))
	a := r.lastReading(mono.Now())
	r.shows(a)
	if got := r.state().Clock; got.Realtime.Offset != -3600*second || got.Monotonic.Rate != 1.5 || got.Monotonic.Offset <= 0 {
		t.Errorf("in force: %+v, %+v", got.Realtime, got.Monotonic)
	}
	b := r.lastReading(a.After + 20*second/1000)
	// What passed on its clock, and the least and the most that truly did.
	if shown := float64(b.Since - a.Since); shown < 1.5*float64(b.Before-a.After)-9 || shown > 1.5*float64(b.After-a.Before)+9 {
		t.Errorf("on its clock passed %v, truly %d to %d, want 1.5 times that", shown, b.Before-a.After, b.After-a.Before)
	}
	r.must("kill", r.Kill(r.ctx))
	r.must("start again", r.Start(r.ctx))
	c := r.lastReading(mono.Now())
	r.shows(c)
	if shown := float64(c.Since); shown < 1.5*float64(c.Before-c.BeganAfter)-9 || shown > 1.5*float64(c.After-c.Began)+9 {
		t.Errorf("since its start passed %v on its clock, truly %d to %d, want 1.5 times that", shown, c.Before-c.BeganAfter, c.After-c.Began)
	}
	r.must("straighten", r.Straighten(r.ctx))
	d := r.lastReading(mono.Now())
	r.shows(d)
	if got := r.state().Clock; *got.Realtime != (wire.Skew{Rate: 1}) || got.Monotonic.Rate != 1 || got.Monotonic.Offset <= 0 || d.Since < c.Since {
		t.Errorf("healed: %+v, %+v, after %d it shows %d", got.Realtime, got.Monotonic, c.Since, d.Since)
	}
}

func TestSkewWhileTheNodeIsDown(t *testing.T) {
	r := supervise(t, "clock", func(o *Options) { o.Clocks = true })
	r.must("skew", r.Skew(r.ctx, wire.Clock{Realtime: &wire.Skew{Offset: 3600 * second, Rate: 1}}))
	r.must("start", r.Start(r.ctx))
	r.shows(r.lastReading(0)) // its first
	if got := r.state().Clock.Realtime.Offset; got != 3600*second {
		t.Errorf("in force: %d", got)
	}
}

func TestSkewRefused(t *testing.T) {
	without := supervise(t, "serve", nil)
	if err := without.Skew(without.ctx, wire.Clock{Realtime: &wire.Skew{Rate: 1}}); !errors.Is(err, ErrCommand) {
		t.Errorf("without clocks: %v", err)
	}
	without.must("straighten", without.Straighten(without.ctx))
	with := supervise(t, "serve", func(o *Options) { o.Clocks = true })
	if err := with.Skew(with.ctx, wire.Clock{}); !errors.Is(err, ErrCommand) {
		t.Errorf("no clock: %v", err)
	}
	with.must("jump", with.Skew(with.ctx, wire.Clock{Monotonic: &wire.Skew{Offset: second, Rate: 1}}))
	if err := with.Skew(with.ctx, wire.Clock{Monotonic: &wire.Skew{Rate: 1}}); !errors.Is(err, ErrCommand) || !errors.Is(err, vdso.ErrBackward) {
		t.Errorf("back: %v", err)
	}
}
