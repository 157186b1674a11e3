package raft

import "sync"

// queue hands items from any goroutine to one that takes all there are. Its
// lock is held for an append or a swap and never longer.
type queue[T any] struct {
	wake chan struct{} // room for one: there may be items

	mu     sync.Mutex
	items  []T
	closed bool
}

func newQueue[T any]() *queue[T] { return &queue[T]{wake: make(chan struct{}, 1)} }

// push adds an item, unless the queue is closed or holds limit items already.
// Zero is no limit, for what the core bounds itself.
func (q *queue[T]) push(item T, limit int) error {
	q.mu.Lock()
	switch {
	case q.closed:
		q.mu.Unlock()
		return ErrStopped
	case limit > 0 && len(q.items) >= limit:
		q.mu.Unlock()
		return ErrOverloaded
	}
	q.items = append(q.items, item)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

// take gives all items, and keeps spare, which it clears, for those to come.
func (q *queue[T]) take(spare []T) []T {
	clear(spare)
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items = spare[:0]
	return items
}

// length is how many items wait.
func (q *queue[T]) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// close gives what is left. Nothing can be pushed any more.
func (q *queue[T]) close() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	items := q.items
	q.items = nil
	return items
}
