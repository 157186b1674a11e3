package vdso

import (
	"errors"
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestLineAt(t *testing.T) {
	const s = int64(time.Second)
	half, double := True/2, 2*True
	for _, c := range []struct {
		name string
		line Line
		now  int64
		want int64
	}{
		{"true", Straight(), 17 * s, 17 * s},
		{"at its base", Line{10 * s, 3 * s, double}, 10 * s, 3 * s},
		{"fast", Line{10 * s, 10 * s, double}, 13 * s, 16 * s},
		{"slow", Line{10 * s, 10 * s, half}, 14 * s, 12 * s},
		{"before its base", Line{10 * s, 10 * s, half}, 8 * s, 9 * s},
		{"rounds down", Line{10, 10, half}, 13, 11},
		{"rounds down before its base", Line{10, 10, half}, 7, 8},
		{"below zero", Line{0, -5 * s, True}, 2 * s, -3 * s},
		{"decades", Line{0, 0, True}, 1 << 60, 1 << 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.line.At(c.now); got != c.want {
				t.Errorf("%+v at %d shows %d, want %d", c.line, c.now, got, c.want)
			}
		})
	}
}

func TestLineAtIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Line{
			Base:  rapid.Int64Range(0, 1<<61).Draw(t, "base"),
			Shown: rapid.Int64Range(-1<<61, 1<<61).Draw(t, "shown"),
			Rate:  Rate(rapid.Int64Range(1<<20, 2*int64(True)).Draw(t, "rate")),
		}
		now := l.Base + rapid.Int64Range(-1<<58, 1<<58).Draw(t, "since base")
		want := new(big.Int).Mul(big.NewInt(now-l.Base), big.NewInt(int64(l.Rate)))
		want.Rsh(want, 32).Add(want, big.NewInt(l.Shown))
		if got := l.At(now); got != want.Int64() {
			t.Errorf("%+v at %d shows %d, want %v", l, now, got, want)
		}
	})
}

func TestRateOf(t *testing.T) {
	for _, c := range []struct {
		name string
		rate float64
		want Rate
		ok   bool
	}{
		{"true", 1, True, true},
		{"half", 0.5, True / 2, true},
		{"fastest", 1000, 1000 * True, true},
		{"left out", 0, 0, false},
		{"backward", -1, 0, false},
		{"too slow", 0.0009, 0, false},
		{"too fast", 1000.1, 0, false},
		{"no number", math.NaN(), 0, false},
		{"endless", math.Inf(1), 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := RateOf(c.rate)
			if got != c.want || (err == nil) != c.ok {
				t.Errorf("RateOf(%v) = %d, %v; want %d", c.rate, got, err, c.want)
			}
		})
	}
}

func TestSkewedLimitsOffsets(t *testing.T) {
	for _, offset := range []time.Duration{-MaxOffset, 0, MaxOffset} {
		line, err := Skewed(1000, int64(offset), True)
		if err != nil || line.Offset(1000) != int64(offset) {
			t.Errorf("offset %v: %+v, %v", offset, line, err)
		}
	}
	for _, offset := range []int64{int64(MaxOffset) + 1, -int64(MaxOffset) - 1, math.MaxInt64, math.MinInt64} {
		if line, err := Skewed(1000, offset, True); err == nil {
			t.Errorf("offset %d was taken: %+v", offset, line)
		}
	}
}

func TestForward(t *testing.T) {
	const now = int64(time.Hour)
	line := func(offset time.Duration, rate Rate) Line { return Line{now, now + int64(offset), rate} }
	lift := func(rates Rate) time.Duration { return time.Duration(float64(Margin) * rates.Float()) }
	for _, c := range []struct {
		name       string
		from, to   Line
		wantOffset time.Duration
		refused    bool
	}{
		{"jump ahead", line(0, True), line(time.Minute, True), time.Minute, false},
		{"stay", line(time.Second, True), line(time.Second, True), time.Second, false},
		{"faster", line(0, True), line(0, 2*True), 0, false},
		{"slower is lifted", line(0, True), line(0, True/2), lift(True / 2), false},
		{"slower and ahead needs no lift", line(0, True), line(time.Second, True/2), time.Second, false},
		{"from fast to true is lifted", line(0, 3*True), line(0, True), lift(2 * True), false},
		{"back", line(time.Second, True), line(time.Second-1, True), 0, true},
		{"back to true", line(time.Second, True), line(0, True), 0, true},
		{"back though faster", line(time.Second, True), line(0, 2*True), 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.from.Forward(c.to, now)
			if c.refused {
				if !errors.Is(err, ErrBackward) {
					t.Fatalf("got %+v, %v; want it refused", got, err)
				}
				return
			}
			if err != nil || got.Offset(now) != int64(c.wantOffset) || got.Rate != c.to.Rate {
				t.Fatalf("got %+v, %v; want offset %v", got, err, c.wantOffset)
			}
			for d := int64(0); d <= int64(Margin); d += int64(Margin) / 8 {
				if got.At(now+d) < c.from.At(now+d) {
					t.Errorf("%v after the change the clock went back by %d ns", time.Duration(d), c.from.At(now+d)-got.At(now+d))
				}
			}
		})
	}
}
