package cluster

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"partita/node/api"
)

func newFake(t *testing.T, wrongs Misdeeds) *Fake {
	t.Helper()
	start, err := Begin()
	if err != nil {
		t.Fatal(err)
	}
	return NewFake(start, []string{"n1", "n2"}, 2*time.Millisecond, 1, wrongs)
}

func TestFakeIsAStore(t *testing.T) {
	steps := []struct {
		name string
		req  api.Request
		want api.Reply
	}{
		{"read nothing", api.Request{Op: api.Get, Key: "a"}, api.Reply{Node: "n1"}},
		{"swap from nothing", api.Request{Op: api.CAS, Key: "a", OldAbsent: true, Value: "1"}, api.Reply{Node: "n1", Swapped: true}},
		{"swap from nothing again", api.Request{Op: api.CAS, Key: "a", OldAbsent: true, Value: "2"}, api.Reply{Node: "n1", Value: "1", Found: true}},
		{"swap", api.Request{Op: api.CAS, Key: "a", Old: "1", Value: "3"}, api.Reply{Node: "n1", Value: "1", Found: true, Swapped: true}},
		{"write", api.Request{Op: api.Put, Key: "a", Value: "4"}, api.Reply{Node: "n1", Value: "3", Found: true}},
		{"read", api.Request{Op: api.Get, Key: "a"}, api.Reply{Node: "n1", Value: "4", Found: true}},
		{"append", api.Request{Op: api.Append, Key: "a", Value: ",5"}, api.Reply{Node: "n1", Value: "4,5", Found: true}},
		{"append to nothing", api.Request{Op: api.Append, Key: "b", Value: "6"}, api.Reply{Node: "n1", Value: "6"}},
		{"open a session", api.Request{Op: api.OpenSession}, api.Reply{Node: "n1", Session: 1}},
		{"append in it", api.Request{Op: api.Append, Key: "c", Value: "7", Session: 1, Number: 1}, api.Reply{Node: "n1", Value: "7"}},
		{"append it again", api.Request{Op: api.Append, Key: "c", Value: "7", Session: 1, Number: 1}, api.Reply{Node: "n1", Value: "7", Duplicate: true}},
		{"append in it once more", api.Request{Op: api.Append, Key: "c", Value: "8", Session: 1, Number: 2}, api.Reply{Node: "n1", Value: "78", Found: true}},
		{"read both", api.Request{Op: api.Get, Key: "a"}, api.Reply{Node: "n1", Value: "4,5", Found: true}},
	}
	synctest.Test(t, func(t *testing.T) {
		conn := newFake(t, Misdeeds{}).Connect()
		for _, s := range steps {
			if got, err := conn.Call("n1", s.req, time.Second); err != nil || got != s.want {
				t.Errorf("%s: %+v, %v", s.name, got, err)
			}
		}
	})
}

func TestFakeMisdeeds(t *testing.T) {
	changes := []api.Request{{Op: api.Put, Key: "a", Value: "9"}, {Op: api.Append, Key: "a", Value: "9"}}
	get := api.Request{Op: api.Get, Key: "a"}
	cases := []struct {
		name     string
		wrongs   Misdeeds
		down     bool
		code     api.Code
		definite bool
		reads    string // what a read finds after the write
	}{
		{"none", Misdeeds{}, false, "", false, "9"},
		{"stale read", Misdeeds{StaleReads: 1}, false, "", false, ""},
		{"lost ack", Misdeeds{LostAcks: 1}, false, api.Timeout, false, "9"},
		{"lost write", Misdeeds{LostWrites: 1}, false, "", false, ""},
		{"down", Misdeeds{}, true, api.Unreachable, true, ""},
	}
	for _, c := range cases {
		for _, change := range changes {
			t.Run(c.name+"/"+string(change.Op), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					fake := newFake(t, c.wrongs)
					fake.SetDown("n1", c.down)
					_, err := fake.Connect().Call("n1", change, time.Second)
					var said *api.Error
					if errors.As(err, &said) != (c.code != "") || said != nil && (said.Code != c.code || said.Definite != c.definite) {
						t.Errorf("the change gives %v", err)
					}
					if got, err := fake.Connect().Call("n2", get, time.Second); err != nil || got.Value != c.reads {
						t.Errorf("the read gives %+v, %v, want %q", got, err, c.reads)
					}
					if fake.Calls() != 2 {
						t.Errorf("%d calls are counted", fake.Calls())
					}
				})
			})
		}
	}
}

func TestFakeTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := newFake(t, Misdeeds{LostAcks: 1}).Connect()
		before := conn.Now()
		_, err := conn.Call("n1", api.Request{Op: api.Put, Key: "a", Value: "1"}, 5*time.Second)
		if took := conn.Now() - before; err == nil || took != 5*time.Second {
			t.Errorf("a lost answer gives %v after %v", err, took)
		}
	})
}

// TestFakeSessions: an older command is refused, and a duplicate is executed
// only by a fake that is asked to.
func TestFakeSessions(t *testing.T) {
	add := func(number uint64) api.Request {
		return api.Request{Op: api.Append, Key: "a", Value: "1", Session: 1, Number: number}
	}
	for duplicates, want := range []string{"11", "1111"} {
		synctest.Test(t, func(t *testing.T) {
			conn := newFake(t, Misdeeds{Duplicates: float64(duplicates)}).Connect()
			for i, number := range []uint64{1, 2, 2, 1} {
				_, err := conn.Call("n1", add(number), time.Second)
				var said *api.Error
				stale := errors.As(err, &said) && said.Code == api.SessionStale && said.Definite
				if stale != (i == 3 && duplicates == 0) {
					t.Errorf("duplicates %d, command %d: %v", duplicates, i, err)
				}
			}
			if got, err := conn.Call("n1", api.Request{Op: api.Get, Key: "a"}, time.Second); err != nil || got.Value != want {
				t.Errorf("duplicates %d: a is %q, %v, want %q", duplicates, got.Value, err, want)
			}
		})
	}
}
