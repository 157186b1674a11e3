package vdso

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// ErrBackward refuses to set a monotonic clock back: armed timers would wait
// that much longer, and a program may hang for good.
var ErrBackward = errors.New("a monotonic clock cannot go back")

// ErrUnsupported says that this machine's vDSO cannot be replaced.
var ErrUnsupported = errors.New("vDSO cannot be replaced")

// ErrLate says that clocks could not be brought into force in time.
var ErrLate = errors.New("clocks were to be set before now")

// Rate is nanoseconds shown per true nanosecond, in units of 2^-32.
type Rate int64

// True is the rate of a true clock.
const True Rate = 1 << 32

// The limits of a skew. They keep the products of a line within 64 bits for
// years, and times within what programs can print.
const (
	minRate = 0.001
	maxRate = 1000
	// MaxOffset is the largest offset either way.
	MaxOffset = 20 * 365 * 24 * time.Hour
)

// Margin is how long the writing of parameters may take without a monotonic
// clock being seen to go back. A clock that slows down jumps ahead by at most
// Margin times the difference of the rates for it.
const Margin = 2 * time.Millisecond

// RateOf converts a rate from 0.001 to 1000; 1 is true.
func RateOf(rate float64) (Rate, error) {
	if math.IsNaN(rate) || rate < minRate || rate > maxRate {
		return 0, fmt.Errorf("clock rate %v: want %v to %v, where 1 is true", rate, minRate, maxRate)
	}
	return Rate(math.Round(rate * float64(True))), nil
}

// Float is the rate as a number, 1 for a true clock.
func (r Rate) Float() float64 { return float64(r) / float64(True) }

// Line is what a clock shows: Shown at the true instant Base, and from there
// on Rate for every true nanosecond. Both are in nanoseconds of the clock.
type Line struct {
	Base, Shown int64
	Rate        Rate
}

// Straight is the line of a true clock.
func Straight() Line { return Line{Rate: True} }

// Skewed is the line that at the true instant now is offset nanoseconds ahead
// of the true clock and runs at rate from there on.
func Skewed(now, offset int64, rate Rate) (Line, error) {
	if offset < -int64(MaxOffset) || offset > int64(MaxOffset) {
		return Line{}, fmt.Errorf("clock offset of %v: want at most %v either way", time.Duration(offset), MaxOffset)
	}
	return Line{Base: now, Shown: now + offset, Rate: rate}, nil
}

// At is what the clock shows at the true instant now, exactly as the stub
// computes it.
func (l Line) At(now int64) int64 {
	d, r := now-l.Base, int64(l.Rate)
	hi, lo := bits.Mul64(uint64(d), uint64(r))
	if d < 0 { // from the unsigned product to the signed one
		hi -= uint64(r)
	}
	return l.Shown + int64(hi<<32|lo>>32)
}

// Offset is how far ahead of the true clock the line is at the instant now.
func (l Line) Offset(now int64) int64 { return l.At(now) - now }

// Forward makes next fit to follow l at the true instant now: it refuses, with
// ErrBackward, a line that shows less than l does now, and lifts a slower one
// so far that nobody sees the clock go back if the change comes into force
// within Margin.
func (l Line) Forward(next Line, now int64) (Line, error) {
	if next.At(now) < l.At(now) {
		return Line{}, fmt.Errorf("offset %v at rate %v, where the clock is %v ahead now: %w",
			time.Duration(next.Offset(now)), next.Rate.Float(), time.Duration(l.Offset(now)), ErrBackward)
	}
	end := now + int64(Margin)
	next.Shown += max(0, l.At(end)-next.At(end))
	return next, nil
}

// Clocks are the lines of a process's two clocks.
type Clocks struct {
	Realtime, Monotonic Line
}

// TrueClocks are clocks without skew.
func TrueClocks() Clocks { return Clocks{Realtime: Straight(), Monotonic: Straight()} }
