package report

import (
	"math"
	"slices"
	"time"

	"partita/harness/history"
)

// bucketsMax bounds how many points a line has.
const bucketsMax = 240

// bucket is what completed in one stretch of time.
type bucket struct {
	ok, fail, info int
	latencies      []time.Duration // of the ok ones, sorted
}

// series is a run cut into stretches of equal width.
type series struct {
	width   time.Duration
	buckets []bucket
}

// seriesOf counts completions. An operation that never completed counts at its
// invocation, as info.
func seriesOf(ops []history.Operation, end time.Duration) series {
	s := series{width: bucketWidth(end)}
	s.buckets = make([]bucket, int(end/s.width)+1)
	for _, op := range ops {
		at := op.Complete.Time
		if at == history.Never {
			at = op.Invoke.Time
		}
		i := min(int(max(0, at)/s.width), len(s.buckets)-1)
		b := &s.buckets[i]
		switch op.Complete.Type {
		case history.OK:
			b.ok++
			b.latencies = append(b.latencies, op.Complete.Time-op.Invoke.Time)
		case history.Fail:
			b.fail++
		default:
			b.info++
		}
	}
	for i := range s.buckets {
		slices.Sort(s.buckets[i].latencies)
	}
	return s
}

// bucketWidth is the smallest round width that needs few enough buckets.
func bucketWidth(end time.Duration) time.Duration {
	for _, width := range []time.Duration{100, 250, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 3_600_000} {
		if width *= time.Millisecond; end/width < bucketsMax {
			return width
		}
	}
	return end/bucketsMax + 1
}

// perSecond is a count in a bucket as a rate.
func (s series) perSecond(n int) float64 { return float64(n) / s.width.Seconds() }

// quantile reads a sorted list.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}
