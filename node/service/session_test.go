package service

import (
	"reflect"
	"testing"

	"partita/node/api"
	"partita/node/kv"
	"partita/raft/core"
)

// TestSessionsThroughTheService: a command in a session is sent again, at two
// indices, and each copy's sender gets the first answer.
func TestSessionsThroughTheService(t *testing.T) {
	cfg := config()
	cfg.Sessions.SessionEntries = 3
	s := open(t, cfg)
	var index core.Index
	// ask applies a request at the next index and gives how it ended.
	ask := func(id uint64, r api.Request) any {
		t.Helper()
		index++
		propose, is := s.Request(id, r)[0].(Propose)
		if !is {
			t.Fatalf("%d: %+v is not proposed", id, r)
		}
		s.Proposed(id, index, 1)
		effects := s.Applied([]core.Entry{{Index: index, Term: 1, Data: propose.Data}})
		switch e := effects[0].(type) {
		case Reply:
			return e.Reply
		case Fail:
			e.Error.Message = ""
			return e.Error
		}
		return effects
	}
	add := func(number uint64, value string) api.Request {
		return api.Request{Op: api.Append, Key: "k", Value: value, Session: 1, Number: number}
	}
	reply := func(index uint64, r api.Reply) api.Reply {
		r.Node, r.Term, r.Index = "n1", 1, index
		return r
	}
	for i, c := range []struct {
		request api.Request
		want    any
	}{
		{api.Request{Op: api.OpenSession}, reply(1, api.Reply{Session: 1})},
		{add(1, "a"), reply(2, api.Reply{Value: "a"})},
		{add(1, "a"), reply(3, api.Reply{Value: "a", Duplicate: true})},
		{add(3, "b"), reply(4, api.Reply{Value: "ab", Found: true})},
		{add(1, "a"), api.Error{Code: api.SessionStale, Definite: true}},
		{put("z"), reply(6, api.Reply{Found: true})},
		{put("z"), reply(7, api.Reply{Found: true})},
		{put("z"), reply(8, api.Reply{Found: true})},
		{add(3, "b"), api.Error{Code: api.SessionExpired, Definite: true}},
	} {
		if got := ask(uint64(i+1), c.request); !reflect.DeepEqual(got, c.want) {
			t.Errorf("entry %d: %+v, want %+v", i+1, got, c.want)
		}
	}
	want := kv.Counts{Opened: 1, Deduplicated: 1, Expired: 1, Refused: 1}
	if got := s.SessionCounts(); got != want || s.Sessions() != 0 {
		t.Errorf("counted %+v, %d open; want %+v", got, s.Sessions(), want)
	}
}

// TestWaysToRead: a request says how it wants to read, or the configuration
// does.
func TestWaysToRead(t *testing.T) {
	for _, c := range []struct {
		lease      bool // the configuration's
		reads      string
		asks       bool // Raft
		leaseAsked bool
	}{
		{false, "", true, false},
		{true, "", true, true},
		{true, api.ReadIndex, true, false},
		{false, api.LeaseRead, true, true},
		{false, api.StaleRead, false, false},
		{true, api.StaleRead, false, false},
	} {
		cfg := config()
		cfg.Lease = c.lease
		s := open(t, cfg)
		s.Applied([]core.Entry{entry(t, 1, 1, "a")})
		r := get()
		r.Reads = c.reads
		effects := s.Request(1, r)
		if c.asks {
			if want := (Read{ID: 1, Lease: c.leaseAsked}); len(effects) != 1 || effects[0] != want {
				t.Errorf("%+v: asks %+v", c, effects)
			}
			effects = s.ReadReady(1, 1, c.leaseAsked)
		}
		want := Reply{ID: 1, Reply: api.Reply{Value: "a", Found: true, Node: "n1", Term: 1, Index: 1, Lease: c.leaseAsked, Stale: !c.asks}}
		if len(effects) != 1 || effects[0] != want || s.Pending() != 0 {
			t.Errorf("%+v: %+v, want %+v", c, effects, want)
		}
	}
}

// TestOtherKindsOfEntriesConcernRaftAlone: they overwrite like a no-op, and the
// state machine does not hear of them.
func TestOtherKindsOfEntriesConcernRaftAlone(t *testing.T) {
	const configuration = core.Noop + 1
	s := open(t, config())
	s.Request(1, put("a"))
	s.Proposed(1, 2, 1)
	command := entry(t, 1, 1, "z")
	effects := s.Applied([]core.Entry{command, {Index: 2, Term: 2, Kind: configuration, Data: command.Data}})
	if got := short(effects); got != "fail(1 overwritten true)" || s.AppliedIndex() != 2 {
		t.Errorf("%s, applied %d", got, s.AppliedIndex())
	}
	if v, _ := s.store.Get("k"); v != "z" {
		t.Errorf("k is %q", v)
	}
}

func TestLimitsAreChecked(t *testing.T) {
	for _, limits := range []kv.Limits{{}, {SessionEntries: 1}, {MaxSessions: 1}} {
		cfg := config()
		cfg.Sessions = limits
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is taken", limits)
		}
	}
}
