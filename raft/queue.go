package raft

import "sync"

// queue hands effects from the owner to a goroutine that does I/O. The owner
// never waits: what bounds the queue is the backlog limit on proposals, and
// the core itself, which has one batch of entries with the state machine and a
// bounded number of appends from a leader under way.
type queue[T any] struct {
	mu     sync.Mutex // held for an append or a swap only
	items  []T
	closed bool
	wake   chan struct{} // room for one
}

func newQueue[T any]() *queue[T] { return &queue[T]{wake: make(chan struct{}, 1)} }

func (q *queue[T]) put(item T) {
	q.mu.Lock()
	q.items = append(q.items, item)
	q.mu.Unlock()
	q.signal()
}

// close lets take return false once the queue is empty.
func (q *queue[T]) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

func (q *queue[T]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take waits for items and gives all there are.
func (q *queue[T]) take() ([]T, bool) {
	for {
		q.mu.Lock()
		items, closed := q.items, q.closed
		q.items = nil
		q.mu.Unlock()
		if len(items) > 0 {
			return items, true
		}
		if closed {
			return nil, false
		}
		<-q.wake
	}
}
