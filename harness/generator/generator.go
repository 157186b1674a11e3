package generator

import (
	"math/rand/v2"

	"partita/harness/history"
)

// Generator gives workers their operations. It is owned by one goroutine.
type Generator interface {
	// Next is the worker's next operation: F, Key, Value and Old are set.
	Next(worker int) history.Event
	// Observe learns from a completion.
	Observe(completion history.Event)
}

// Config is what every workload's generator is made from.
type Config struct {
	Seed    int64
	Workers []Worker // as Layout gives them
	Keys    int      // key slots, at least 1; raised to the number of Groups
}

// Purpose keeps apart the random sources of one worker.
type Purpose uint8

// The purposes. Operations must not shift when intervals are drawn otherwise.
const (
	ForOperations Purpose = iota + 1
	ForIntervals
)

// Source is a worker's own random source for one purpose.
func Source(seed int64, worker int, purpose Purpose) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(seed), uint64(worker)<<8|uint64(purpose)))
}
