package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"partita/node/api"
)

// callTimeout bounds one operation of a client.
const callTimeout = 5 * time.Second

// load is clients that ask one operation after another, each of its own keys.
type load struct {
	clients, keys int
	addrs         []string // the clients are spread over these nodes
}

// figures are what clients saw while they asked for one thing.
type figures struct {
	name    string
	took    time.Duration
	latency *hdrhistogram.Histogram // of successes, in microseconds
	errors  map[api.Code]int
}

func newFigures(name string) *figures {
	return &figures{name: name, latency: hdrhistogram.New(1, callTimeout.Microseconds(), 3), errors: map[api.Code]int{}}
}

// lasting says yes for some time from now on.
func lasting(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().Before(end) }
}

// measure lets all clients work as long as there is more to do, which every
// client asks before each operation.
func (l load) measure(ctx context.Context, name string, request api.Request, more func() bool) *figures {
	each := make([]*figures, l.clients)
	began := time.Now()
	var clients sync.WaitGroup
	for i := range each {
		each[i] = newFigures(name)
		clients.Go(func() { each[i].work(ctx, l, i, request, more) })
	}
	clients.Wait()
	all := newFigures(name)
	all.took = time.Since(began)
	for _, f := range each {
		all.latency.Merge(f.latency)
		for code, n := range f.errors {
			all.errors[code] += n
		}
	}
	return all
}

// work is one client.
func (f *figures) work(ctx context.Context, l load, number int, request api.Request, more func() bool) {
	client := api.NewClient(l.addrs[number%len(l.addrs)])
	defer client.Close()
	for i := 0; more() && ctx.Err() == nil; i++ {
		request.Key = fmt.Sprintf("bench.%d.%d", number, i%l.keys)
		began := time.Now()
		_, err := client.Do(request, callTimeout)
		var failure *api.Error
		if errors.As(err, &failure) {
			f.errors[failure.Code]++
			continue
		}
		// A value above the histogram's highest is one above the timeout.
		_ = f.latency.RecordValue(max(1, time.Since(began).Microseconds()))
	}
}

// rate is how many operations a second succeeded.
func (f *figures) rate() float64 { return float64(f.latency.TotalCount()) / f.took.Seconds() }

// p99 is the latency that one success of a hundred exceeded, in milliseconds.
func (f *figures) p99() float64 { return milliseconds(f.latency.ValueAtQuantile(99)) }

// String says the figures in one line.
func (f *figures) String() string {
	line := fmt.Sprintf("%-18s %8.0f /s  p50 %6.2f ms  p99 %6.2f ms  max %6.2f ms", f.name,
		f.rate(), milliseconds(f.latency.ValueAtQuantile(50)), f.p99(), milliseconds(f.latency.Max()))
	if len(f.errors) > 0 {
		line += fmt.Sprintf("  errors %v", f.errors)
	}
	return line
}

func milliseconds(us int64) float64 { return float64(us) / 1000 }
