package kv

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"partita/node/api"
)

// play applies requests at rising indices, from 1, and gives what they did in
// a few words each.
func play(t *testing.T, s *Store, requests ...api.Request) []string {
	t.Helper()
	said := make([]string, len(requests))
	for i, r := range requests {
		said[i] = short(s.Apply(uint64(i+1), command(t, r)))
	}
	return said
}

func short(r Result) string {
	switch {
	case r.Session != 0:
		return fmt.Sprint("session ", r.Session)
	case r.Code != "":
		return string(r.Code)
	case r.Duplicate:
		return "duplicate " + r.Value
	}
	return "ok " + r.Value
}

func add(session, number uint64, value string) api.Request {
	return api.Request{Op: api.Append, Key: "k", Value: value, Session: session, Number: number}
}

func TestSessions(t *testing.T) {
	open, plain := api.Request{Op: api.OpenSession}, api.Request{Op: api.Put, Key: "other"}
	closing := api.Request{Op: api.CloseSession, Session: 1}
	long := strings.Repeat("x", MaxValue)
	cases := []struct {
		name     string
		limits   Limits
		requests []api.Request
		want     string
		value    string // of k, at the end
	}{
		{"an ID is an index", Limits{10, 10}, []api.Request{plain, open, open}, "ok , session 2, session 3", ""},
		{"once", Limits{10, 10}, []api.Request{open, add(1, 1, "a"), add(1, 1, "a"), add(1, 1, "a")},
			"session 1, ok a, duplicate a, duplicate a", "a"},
		{"the first answer is remembered", Limits{10, 10}, []api.Request{open, add(1, 1, "a"), add(0, 0, "b"), add(1, 1, "a")},
			"session 1, ok a, ok ab, duplicate a", "ab"},
		{"numbers may leave gaps", Limits{10, 10}, []api.Request{open, add(1, 5, "a"), add(1, 9, "b"), add(1, 9, "b")},
			"session 1, ok a, ok ab, duplicate ab", "ab"},
		{"a lower number", Limits{10, 10}, []api.Request{open, add(1, 1, "a"), add(1, 2, "b"), add(1, 1, "a")},
			"session 1, ok a, ok ab, session_stale", "ab"},
		{"sessions number apart", Limits{10, 10}, []api.Request{open, open, add(1, 1, "a"), add(2, 1, "b"), add(1, 1, "a")},
			"session 1, session 2, ok a, ok ab, duplicate a", "ab"},
		{"unknown", Limits{10, 10}, []api.Request{add(7, 1, "a")}, "session_expired", ""},
		{"closed", Limits{10, 10}, []api.Request{open, add(1, 1, "a"), closing, add(1, 1, "a"), closing},
			"session 1, ok a, ok , session_expired, session_expired", "a"},
		{"used in time", Limits{2, 10}, []api.Request{open, plain, add(1, 1, "a"), plain, add(1, 1, "a"), plain, add(1, 2, "b")},
			"session 1, ok , ok a, ok , duplicate a, ok , ok ab", "ab"},
		{"used too late", Limits{2, 10}, []api.Request{open, add(1, 1, "a"), plain, plain, add(1, 1, "a"), add(1, 2, "b")},
			"session 1, ok a, ok , ok , session_expired, session_expired", "a"},
		{"a refused command uses it", Limits{2, 10}, []api.Request{open, add(1, 2, "a"), plain, add(1, 1, "b"), plain, add(1, 3, "c")},
			"session 1, ok a, ok , session_stale, ok , ok ac", "ac"},
		{"one too many", Limits{10, 2}, []api.Request{open, open, add(1, 1, "a"), open, add(2, 1, "b"), add(1, 1, "a")},
			"session 1, session 2, ok a, session 4, session_expired, duplicate a", "a"},
		{"a refusal is remembered", Limits{10, 10},
			[]api.Request{open, add(0, 0, long), add(1, 1, "b"), {Op: api.Delete, Key: "k"}, add(1, 1, "b")},
			"session 1, ok " + long + ", bad_request, ok , bad_request", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := New(c.limits)
			if said := strings.Join(play(t, s, c.requests...), ", "); said != c.want {
				t.Errorf("said %.300q, want %.300q", said, c.want)
			}
			if value, _ := s.Get("k"); value != c.value {
				t.Errorf("k is %.40q, want %q", value, c.value)
			}
		})
	}
}

// TestASnapshotRemembers: whoever goes on from a snapshot answers as those who
// were there.
func TestASnapshotRemembers(t *testing.T) {
	s, limits := New(Limits{10, 10}), Limits{10, 10}
	play(t, s, api.Request{Op: api.OpenSession}, api.Request{Op: api.OpenSession},
		add(1, 1, "a"), api.Request{Op: api.CAS, Key: "k", Old: "a", Value: "b", Session: 2, Number: 4})
	other := New(limits)
	if err := other.Restore(s.Snapshot()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(other.Snapshot(), s.Snapshot()) || other.Sessions() != 2 || other.sessions.bytes != s.sessions.bytes {
		t.Error("the restored store is another")
	}
	got := other.Apply(5, command(t, api.Request{Op: api.CAS, Key: "k", Old: "a", Value: "b", Session: 2, Number: 4}))
	if want := (Result{Found: true, Swapped: true, Duplicate: true}); got != want {
		t.Errorf("the copy is answered by %+v, want %+v", got, want)
	}
}

// TestMemoryIsBounded: long results crowd out the sessions that were used least
// recently, and never the one that was used last.
func TestMemoryIsBounded(t *testing.T) {
	const clients = MaxRemembered/MaxValue + 3
	s, index := New(DefaultLimits()), uint64(0)
	apply := func(r api.Request) Result {
		index++
		return s.Apply(index, command(t, r))
	}
	for range clients {
		id := apply(api.Request{Op: api.OpenSession}).Session
		apply(api.Request{Op: api.Delete, Key: "k"})
		if r := apply(add(id, 1, strings.Repeat("x", MaxValue))); r.Code != "" {
			t.Fatalf("session %d: %+v", id, r)
		}
	}
	if s.sessions.bytes > MaxRemembered || s.Sessions() != clients-3 || s.Counts().Expired != 3 {
		t.Errorf("%d bytes in %d sessions, %d of which were dropped", s.sessions.bytes, s.Sessions(), s.Counts().Expired)
	}
}

func TestCounts(t *testing.T) {
	s := New(Limits{2, 1})
	play(t, s, api.Request{Op: api.OpenSession}, add(1, 1, "a"), add(1, 1, "a"),
		api.Request{Op: api.OpenSession}, add(1, 2, "b"), api.Request{Op: api.Put, Key: "o"}, api.Request{Op: api.Put, Key: "o"})
	if got, want := s.Counts(), (Counts{Opened: 2, Deduplicated: 1, Expired: 2, Refused: 1}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

// BenchmarkApply: what a command costs with as many sessions as there can be.
func BenchmarkApply(b *testing.B) {
	s, index := New(DefaultLimits()), uint64(0)
	for range DefaultLimits().MaxSessions {
		index++
		s.Apply(index, command(b, api.Request{Op: api.OpenSession}))
	}
	first := index - uint64(DefaultLimits().MaxSessions)
	for b.Loop() {
		index++
		s.Apply(index, command(b, api.Request{Op: api.Put, Key: "k", Value: "v", Session: first + 1 + index%4096, Number: index}))
	}
}
