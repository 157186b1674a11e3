package service

import (
	"fmt"
	"reflect"
	"testing"

	"partita/node/api"
	"partita/node/kv"
	"partita/raft/core"
)

func config() Config {
	return Config{Node: "n1", SnapshotEvery: 1000, MaxPending: 100, MaxOutcomes: 8, Sessions: kv.DefaultLimits()}
}

func open(t *testing.T, cfg Config) *Service {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(value string) api.Request { return api.Request{Op: api.Put, Key: "k", Value: value} }

func get() api.Request { return api.Request{Op: api.Get, Key: "k"} }

// entry is a put of a value at (index, term); an empty value makes a no-op.
func entry(t *testing.T, index core.Index, term core.Term, value string) core.Entry {
	t.Helper()
	if value == "" {
		return core.Entry{Index: index, Term: term, Kind: core.Noop}
	}
	data, err := kv.Encode(put(value))
	if err != nil {
		t.Fatal(err)
	}
	return core.Entry{Index: index, Term: term, Data: data}
}

// short says effects in a few words.
func short(effects []Effect) string {
	words := ""
	for _, e := range effects {
		switch e := e.(type) {
		case Propose:
			words += fmt.Sprintf("propose(%d) ", e.ID)
		case Read:
			words += fmt.Sprintf("read(%d) ", e.ID)
		case Reply:
			words += fmt.Sprintf("reply(%d %q %d.%d) ", e.ID, e.Reply.Value, e.Reply.Term, e.Reply.Index)
		case Fail:
			words += fmt.Sprintf("fail(%d %s %v) ", e.ID, e.Error.Code, e.Error.Definite)
		case Compact:
			words += fmt.Sprintf("compact(%d) ", e.Index)
		}
	}
	if words == "" {
		return "nothing"
	}
	return words[:len(words)-1]
}

// TestStories runs one script a case: what happens, and what the service
// does about it. Entry 1 is a no-op of term 1, applied before each.
func TestStories(t *testing.T) {
	type step struct {
		do   func(s *Service) []Effect
		want string
	}
	request := func(id uint64, r api.Request, want string) step {
		return step{func(s *Service) []Effect { return s.Request(id, r) }, want}
	}
	proposed := func(id uint64, index core.Index, term core.Term, want string) step {
		return step{func(s *Service) []Effect { return s.Proposed(id, index, term) }, want}
	}
	applied := func(index core.Index, term core.Term, value, want string) step {
		return step{func(s *Service) []Effect { return s.Applied([]core.Entry{entry(t, index, term, value)}) }, want}
	}
	ready := func(id uint64, index core.Index, want string) step {
		return step{func(s *Service) []Effect { return s.ReadReady(id, index, false) }, want}
	}
	refused := func(id uint64, reason core.Reason, want string) step {
		return step{func(s *Service) []Effect { return s.Refused(id, reason) }, want}
	}
	expire := func(id uint64, want string) step {
		return step{func(s *Service) []Effect { return s.Expire(id) }, want}
	}
	restored := func(index core.Index, term core.Term, want string) step {
		return step{func(s *Service) []Effect {
			effects, err := s.Restored(core.SnapshotMeta{Index: index, Term: term}, kv.New(kv.DefaultLimits()).Snapshot())
			if err != nil {
				t.Fatal(err)
			}
			return effects
		}, want}
	}
	abandon := func(want string) step {
		return step{func(s *Service) []Effect { return s.Abandon() }, want}
	}
	const none = "nothing"
	cases := []struct {
		name  string
		steps []step
	}{
		{"a write is answered when its entry is applied", []step{
			request(1, put("a"), "propose(1)"), proposed(1, 2, 1, none),
			applied(2, 1, "a", `reply(1 "" 1.2)`), applied(3, 1, "b", none)}},
		{"a waiter is completed by term, not by index alone", []step{
			request(1, put("a"), "propose(1)"), proposed(1, 2, 1, none),
			applied(2, 2, "b", "fail(1 overwritten true)")}},
		{"two waiters of two terms at one index", []step{
			request(1, put("a"), "propose(1)"), proposed(1, 2, 1, none),
			request(2, put("b"), "propose(2)"), proposed(2, 2, 3, none),
			applied(2, 3, "b", `fail(1 overwritten true) reply(2 "" 3.2)`)}},
		{"a no-op of another term overwrites too", []step{
			request(1, put("a"), "propose(1)"), proposed(1, 2, 1, none),
			applied(2, 2, "", "fail(1 overwritten true)")}},
		{"the place is known after the entry was applied", []step{
			request(1, put("a"), "propose(1)"), applied(2, 1, "a", none), applied(3, 1, "b", none),
			proposed(1, 2, 1, `reply(1 "" 1.2)`)}},
		{"the place is known after another term's entry was applied there", []step{
			request(1, put("a"), "propose(1)"), applied(2, 2, "b", none), proposed(1, 2, 1, "fail(1 overwritten true)")}},
		{"outcomes outlast another proposal's placing", []step{
			request(1, put("a"), "propose(1)"), request(2, put("b"), "propose(2)"),
			applied(2, 1, "a", none), applied(3, 1, "b", none),
			proposed(2, 3, 1, `reply(2 "" 1.3)`), proposed(1, 2, 1, `reply(1 "" 1.2)`)}},
		{"a place before anything remembered is lost", []step{
			applied(2, 1, "z", none), request(1, put("a"), "propose(1)"), proposed(1, 2, 1, "fail(1 lost false)")}},
		{"a place under a snapshot is lost", []step{
			request(1, put("a"), "propose(1)"), applied(2, 1, "a", none), restored(9, 2, none),
			proposed(1, 2, 1, "fail(1 lost false)")}},
		{"an outcome from before a snapshot is no outcome after it", []step{
			request(1, put("a"), "propose(1)"), applied(2, 1, "a", none), restored(9, 1, none),
			proposed(1, 9, 1, "fail(1 lost false)")}},
		{"a snapshot past a waiter loses it, and spares those above", []step{
			request(1, put("a"), "propose(1)"), proposed(1, 5, 1, none),
			request(2, put("b"), "propose(2)"), proposed(2, 6, 1, none),
			restored(5, 2, "fail(1 lost false)"), applied(6, 1, "b", `reply(2 "" 1.6)`)}},
		{"a read at once", []step{
			applied(2, 1, "a", none), request(1, get(), "read(1)"), ready(1, 2, `reply(1 "a" 1.2)`)}},
		{"a read waits for its index", []step{
			request(1, get(), "read(1)"), ready(1, 3, none), applied(2, 1, "a", none),
			applied(3, 1, "b", `reply(1 "b" 1.3)`)}},
		{"a read is answered by a snapshot that reaches its index", []step{
			request(1, get(), "read(1)"), ready(1, 3, none), restored(4, 2, `reply(1 "" 2.4)`)}},
		{"refusals of writes", []step{
			request(1, put("a"), "propose(1)"), refused(1, core.NoLeader, "fail(1 no_leader true)"),
			request(2, put("a"), "propose(2)"), refused(2, core.NotAccepted, "fail(2 not_accepted true)"),
			request(3, put("a"), "propose(3)"), refused(3, core.Lost, "fail(3 lost false)")}},
		{"refusals of reads", []step{
			request(1, get(), "read(1)"), refused(1, core.NoLeader, "fail(1 no_leader true)"),
			request(2, get(), "read(2)"), refused(2, core.NotAccepted, "fail(2 not_served true)"),
			request(3, get(), "read(3)"), refused(3, core.Lost, "fail(3 not_served true)")}},
		{"expiry is definite for reads alone", []step{
			request(1, get(), "read(1)"), expire(1, "fail(1 timeout true)"), ready(1, 1, none),
			request(2, put("a"), "propose(2)"), expire(2, "fail(2 timeout false)"), proposed(2, 2, 1, none),
			request(3, put("b"), "propose(3)"), proposed(3, 2, 1, none), expire(3, "fail(3 timeout false)"),
			request(4, get(), "read(4)"), ready(4, 2, none), expire(4, "fail(4 timeout true)"),
			applied(2, 1, "b", none), expire(3, none)}},
		{"a repeated answer changes nothing", []step{
			request(1, put("a"), "propose(1)"), proposed(1, 2, 1, none), proposed(1, 3, 1, none),
			refused(1, core.NotAccepted, none), applied(2, 1, "a", `reply(1 "" 1.2)`), proposed(1, 2, 1, none)}},
		{"abandoned in order", []step{
			request(3, put("a"), "propose(3)"), request(1, get(), "read(1)"),
			request(2, put("a"), "propose(2)"), proposed(2, 2, 1, none),
			abandon("fail(1 not_served true) fail(2 lost false) fail(3 lost false)"),
			request(4, get(), "fail(4 stopping true)")}},
		{"a bad request", []step{request(1, api.Request{Op: "nonsense", Key: "k"}, "fail(1 bad_request true)")}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, config())
			s.Applied([]core.Entry{entry(t, 1, 1, "")})
			for i, step := range c.steps {
				if got := short(step.do(s)); got != step.want {
					t.Fatalf("step %d: %s, want %s", i+1, got, step.want)
				}
			}
			if s.Pending() != 0 || s.unplaced != 0 || len(s.waiting) != 0 || len(s.outcomes) != 0 {
				t.Errorf("left behind: %d pending, %d unplaced, %d waiting, %d outcomes",
					s.Pending(), s.unplaced, len(s.waiting), len(s.outcomes))
			}
		})
	}
}

func TestSnapshotEvery(t *testing.T) {
	cfg := config()
	cfg.SnapshotEvery = 3
	s := open(t, cfg)
	s.Applied([]core.Entry{entry(t, 1, 1, "a"), entry(t, 2, 1, "b")})
	effects := s.Applied([]core.Entry{entry(t, 3, 1, "c"), entry(t, 4, 1, "d")})
	compact, is := effects[len(effects)-1].(Compact)
	if !is || compact.Index != 4 {
		t.Fatalf("got %s", short(effects))
	}
	other := open(t, cfg)
	if _, err := other.Restored(core.SnapshotMeta{Index: 4, Term: 1}, compact.Data); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(other.store, s.store) || other.AppliedIndex() != 4 {
		t.Error("the snapshot restores another state")
	}
	if got := short(other.Applied([]core.Entry{entry(t, 5, 1, "e")})); got != "nothing" {
		t.Errorf("counting goes on from the snapshot: %s", got)
	}
	if _, err := other.Restored(core.SnapshotMeta{Index: 9, Term: 1}, []byte("rubbish")); err == nil {
		t.Error("rubbish was restored")
	}
}

func TestBounds(t *testing.T) {
	cfg := config()
	cfg.MaxPending = 2
	s := open(t, cfg)
	s.Request(1, put("a"))
	s.Request(2, get())
	if got := short(s.Request(3, get())); got != "fail(3 overloaded true)" {
		t.Errorf("one too many: %s", got)
	}
	if got := short(s.Declined(2, api.Overloaded, "full")); got != "fail(2 overloaded true)" {
		t.Errorf("declined: %s", got)
	}
	var entries []core.Entry
	for i := core.Index(1); i <= 100; i++ {
		entries = append(entries, entry(t, i, 1, "x"))
	}
	s.Applied(entries)
	if len(s.outcomes) > cfg.MaxOutcomes {
		t.Errorf("%d outcomes are remembered; at most %d may be", len(s.outcomes), cfg.MaxOutcomes)
	}
	if got := short(s.Proposed(1, 98, 1)); got != `reply(1 "" 1.98)` {
		t.Errorf("an outcome still remembered: %s", got)
	}
}

func TestBrokenInvariantsPanic(t *testing.T) {
	cases := map[string]func(s *Service){
		"a gap": func(s *Service) { s.Applied([]core.Entry{entry(t, 2, 1, "a")}) },
		"an ID twice": func(s *Service) {
			s.Request(1, get())
			s.Request(1, get())
		},
		"a snapshot that goes back": func(s *Service) {
			s.Applied([]core.Entry{entry(t, 1, 1, "a"), entry(t, 2, 1, "a")})
			_, _ = s.Restored(core.SnapshotMeta{Index: 1, Term: 1}, kv.New(kv.DefaultLimits()).Snapshot())
		},
		"a command and a no-op in one place": func(s *Service) {
			s.Request(1, put("a"))
			s.Proposed(1, 1, 1)
			s.Applied([]core.Entry{entry(t, 1, 1, "")})
		},
	}
	for name, violate := range cases {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it went on")
				}
			}()
			violate(open(t, config()))
		})
	}
}
