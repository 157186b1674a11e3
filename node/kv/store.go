package kv

import (
	"fmt"

	"partita/node/api"
)

// Store is the state: a value under each key that has one, and the sessions.
// One goroutine uses it at a time.
type Store struct {
	values   map[string]string
	bytes    int // of all keys and values
	sessions sessions
}

// Result is what a command did. Value, Found and Swapped are as in api.Reply.
type Result struct {
	Value   string
	Found   bool
	Swapped bool
	Session uint64 // of one that was opened
	// Duplicate says that the command was executed before, and what it did then.
	Duplicate bool
	// Code, if not empty, is why the command changed nothing, and Refused says
	// so in words: every node refuses it alike.
	Code    api.Code
	Refused string
}

// size is what a result takes in memory, in bytes, beside what all do.
func (r Result) size() int { return len(r.Value) + len(r.Refused) }

// New gives an empty store.
func New(limits Limits) *Store {
	return &Store{values: map[string]string{}, sessions: newSessions(limits)}
}

// Get gives the value under a key and whether there is one.
func (s *Store) Get(key string) (value string, found bool) {
	value, found = s.values[key]
	return value, found
}

// Len is the number of keys that have a value.
func (s *Store) Len() int { return len(s.values) }

// Sessions is the number of open sessions.
func (s *Store) Sessions() int { return s.sessions.order.Len() }

// Counts is what became of sessions since the store was made.
func (s *Store) Counts() Counts { return s.sessions.counts }

// Apply carries out the command of the log's entry at index; indices rise. A
// malformed one changes nothing, on every node alike. It costs no more for
// having many keys or sessions.
func (s *Store) Apply(index uint64, command []byte) Result {
	s.sessions.expire(index)
	r, err := Decode(command)
	if err != nil {
		return Result{Code: api.BadRequest, Refused: err.Error()}
	}
	switch {
	case r.Op == api.OpenSession:
		return s.sessions.open(index)
	case r.Op == api.CloseSession:
		return s.sessions.close(r.Session)
	case r.Session == 0:
		return s.execute(r)
	}
	return s.once(index, r)
}

// once executes a command of a session unless that was done before.
func (s *Store) once(index uint64, r api.Request) Result {
	held := s.sessions.use(r.Session, index)
	switch {
	case held == nil:
		return s.sessions.unknown(r.Session)
	case r.Number < held.number:
		return Result{Code: api.SessionStale, Refused: fmt.Sprintf("number %d of session %d is below %d, the latest",
			r.Number, r.Session, held.number)}
	case r.Number == held.number:
		s.sessions.counts.Deduplicated++
		result := held.result
		result.Duplicate = true
		return result
	}
	result := s.execute(r)
	s.sessions.remember(held, r.Number, result)
	return result
}

// execute changes the values.
func (s *Store) execute(r api.Request) Result {
	before, found := s.values[r.Key]
	result := Result{Found: found}
	switch r.Op {
	case api.Put:
		s.set(r.Key, r.Value)
	case api.Delete:
		s.drop(r.Key)
	case api.CAS:
		result.Swapped = found != r.OldAbsent && before == r.Old
		if result.Swapped {
			s.set(r.Key, r.Value)
		}
	case api.Append:
		if len(before)+len(r.Value) > MaxValue {
			result.Code = api.BadRequest
			result.Refused = fmt.Sprintf("the value would have %d bytes; at most %d are allowed",
				len(before)+len(r.Value), MaxValue)
			return result
		}
		result.Value = before + r.Value
		s.set(r.Key, result.Value)
	}
	return result
}

func (s *Store) set(key, value string) {
	s.drop(key)
	s.values[key] = value
	s.bytes += len(key) + len(value)
}

func (s *Store) drop(key string) {
	if before, found := s.values[key]; found {
		s.bytes -= len(key) + len(before)
		delete(s.values, key)
	}
}
