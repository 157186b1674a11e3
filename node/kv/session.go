package kv

import (
	"container/list"
	"errors"
	"fmt"

	"partita/node/api"
)

// MaxRemembered bounds the results that all sessions remember, in bytes. When
// there are more, the sessions least recently used are dropped. A result has
// at most MaxValue, so that whoever was used last is never dropped for it.
const MaxRemembered = 64 << 20

// Limits says when sessions are dropped. It decides what commands do, so every
// node of a cluster must have the same.
type Limits struct {
	// SessionEntries is for how many entries of the log a session lives on
	// without being used. Any command that names it uses it, one that is
	// refused or repeated too.
	SessionEntries uint64
	// MaxSessions is how many sessions there are at most; one more takes the
	// place of the one least recently used.
	MaxSessions int
}

// DefaultLimits is enough for thousands of clients that are silent for minutes.
func DefaultLimits() Limits { return Limits{SessionEntries: 100_000, MaxSessions: 4096} }

// Validate says what is wrong with limits.
func (l Limits) Validate() error {
	switch {
	case l.SessionEntries < 1:
		return errors.New("kv: session-entries is below 1")
	case l.MaxSessions < 1:
		return errors.New("kv: max-sessions is below 1")
	}
	return nil
}

// Counts is what became of sessions in this store since it was made. It is no
// part of the state: a snapshot knows nothing of it.
type Counts struct {
	Opened       uint64
	Deduplicated uint64 // commands answered from a session's memory
	Expired      uint64 // sessions dropped for their age, or for want of room
	Refused      uint64 // commands of sessions that there are not
}

// session is what is remembered of one client.
type session struct {
	id     uint64 // the index of the entry that opened it
	used   uint64 // the index of the entry that last named it
	number uint64 // of the latest command executed; 0 before the first
	result Result // of that command
}

// sessions are those that are open. What happens to them depends on the
// entries of the log alone, never on time or on when a node was started, so
// that all nodes agree on whether a command is executed.
type sessions struct {
	limits Limits
	byID   map[uint64]*list.Element // of order
	order  *list.List               // *session, the least recently used in front
	bytes  int                      // of all results
	counts Counts
}

func newSessions(limits Limits) sessions {
	return sessions{limits: limits, byID: map[uint64]*list.Element{}, order: list.New()}
}

// expire drops the sessions that were not used for too long before the entry
// at index. The oldest stand in front, so that it looks at no other.
func (s *sessions) expire(index uint64) {
	for front := s.order.Front(); front != nil; front = s.order.Front() {
		if index-front.Value.(*session).used <= s.limits.SessionEntries {
			return
		}
		s.crowdOut(front)
	}
}

// open makes a session.
func (s *sessions) open(index uint64) Result {
	s.push(&session{id: index, used: index})
	s.counts.Opened++
	for s.order.Len() > s.limits.MaxSessions {
		s.crowdOut(s.order.Front())
	}
	return Result{Session: index}
}

// close forgets a session.
func (s *sessions) close(id uint64) Result {
	element, found := s.byID[id]
	if !found {
		return s.unknown(id)
	}
	s.drop(element)
	return Result{}
}

// use gives a session to the entry at index, nil if there is none.
func (s *sessions) use(id, index uint64) *session {
	element, found := s.byID[id]
	if !found {
		return nil
	}
	s.order.MoveToBack(element)
	held := element.Value.(*session)
	held.used = index
	return held
}

// remember keeps what the latest command of a session did.
func (s *sessions) remember(held *session, number uint64, result Result) {
	s.bytes += result.size() - held.result.size()
	held.number, held.result = number, result
	for s.bytes > MaxRemembered {
		s.crowdOut(s.order.Front())
	}
}

// unknown refuses a command of a session that there is not: its memory is
// gone, so nobody can tell any more whether the command was executed.
func (s *sessions) unknown(id uint64) Result {
	s.counts.Refused++
	return Result{Code: api.SessionExpired, Refused: fmt.Sprintf("session %d has expired, was closed, or never was", id)}
}

// push adds a session that was used later than all others.
func (s *sessions) push(held *session) {
	s.byID[held.id] = s.order.PushBack(held)
	s.bytes += held.result.size()
}

func (s *sessions) crowdOut(element *list.Element) {
	s.drop(element)
	s.counts.Expired++
}

func (s *sessions) drop(element *list.Element) {
	held := s.order.Remove(element).(*session)
	delete(s.byID, held.id)
	s.bytes -= held.result.size()
}
