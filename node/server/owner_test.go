package server

import (
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"partita/node/api"
	"partita/node/kv"
	"partita/node/service"
	"partita/raft"
	"partita/raft/core"
)

// fakeRaft keeps what it is asked until the test decides.
type fakeRaft struct {
	mu        sync.Mutex
	refuse    error
	proposals []func(raft.Accepted, error)
	commands  [][]byte
	reads     []func(raft.ReadPoint, error)
	leases    []bool // of reads: whether a lease may confirm it
	snapshots []core.Index
}

func (r *fakeRaft) ProposeAsync(command []byte, done func(raft.Accepted, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		return r.refuse
	}
	r.proposals, r.commands = append(r.proposals, done), append(r.commands, command)
	return nil
}

func (r *fakeRaft) ReadAsync(lease bool, done func(raft.ReadPoint, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		return r.refuse
	}
	r.reads, r.leases = append(r.reads, done), append(r.leases, lease)
	return nil
}

func (r *fakeRaft) Snapshot(index core.Index, _ []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshots = append(r.snapshots, index)
	return nil
}

const testTimeout = 4 * time.Second

// bench is an owner over a fakeRaft, in a bubble of fake time.
type bench struct {
	*owner
	raft     *fakeRaft
	applied  chan raft.ApplyMsg
	silenced chan struct{} // to be closed when the disk has failed
	callers  sync.WaitGroup
}

func inBubble(t *testing.T, f func(t *testing.T, b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		svc, err := service.New(service.Config{Node: "n1", SnapshotEvery: 2, MaxPending: maxPending, MaxOutcomes: maxOutcomes, Sessions: kv.DefaultLimits()})
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{raft: &fakeRaft{}, applied: make(chan raft.ApplyMsg), silenced: make(chan struct{})}
		b.owner = newOwner(svc, b.applied, testTimeout, slog.New(slog.DiscardHandler))
		b.owner.raft, b.owner.silence, b.owner.leader = b.raft, b.silenced, func() string { return "n2" }
		go b.run()
		f(t, b)
		close(b.applied)
		<-b.ended
		b.callers.Wait()
	})
}

// ask lets a client wait for a request's outcome.
func (b *bench) ask(request api.Request) <-chan outcome {
	out := make(chan outcome, 1)
	b.callers.Go(func() {
		reply, err := b.do(request)
		out <- outcome{reply: reply, err: err}
	})
	synctest.Wait()
	return out
}

func TestWriteAndRead(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		write := b.ask(api.Request{Op: api.Put, Key: "a", Value: "1"})
		b.raft.proposals[0](raft.Accepted{Index: 1, Term: 3}, nil)
		read := b.ask(api.Request{Op: api.Get, Key: "a"})
		b.raft.reads[0](raft.ReadPoint{Index: 1}, nil)
		synctest.Wait()
		if len(write) != 0 || len(read) != 0 {
			t.Fatal("answered before it was applied")
		}
		b.applied <- raft.ApplyMsg{Entries: []core.Entry{{Index: 1, Term: 3, Data: b.raft.commands[0]}}}
		if out := <-write; out.err != nil || out.reply.Index != 1 || out.reply.Term != 3 || out.reply.Node != "n1" {
			t.Errorf("write: %+v", out)
		}
		if out := <-read; out.err != nil || out.reply.Value != "1" || !out.reply.Found {
			t.Errorf("read: %+v", out)
		}
	})
}

// TestSessionsAreCounted: others may read what became of sessions while the
// owner goes on.
func TestSessionsAreCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.ask(api.Request{Op: api.OpenSession})
		for range 2 {
			b.ask(api.Request{Op: api.Append, Key: "a", Value: "1", Session: 1, Number: 1})
		}
		if got := *b.sessions.Load(); got != (kv.Counts{}) {
			t.Errorf("before anything is applied it counts %+v", got)
		}
		for i, command := range b.raft.commands {
			b.applied <- raft.ApplyMsg{Entries: []core.Entry{{Index: core.Index(i + 1), Term: 3, Data: command}}}
		}
		synctest.Wait()
		if got, want := *b.sessions.Load(), (kv.Counts{Opened: 1, Deduplicated: 1}); got != want {
			t.Errorf("it counts %+v, want %+v", got, want)
		}
		for i, done := range b.raft.proposals {
			done(raft.Accepted{Index: core.Index(i + 1), Term: 3}, nil)
		}
	})
}

func TestPlaceKnownAfterApply(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		write := b.ask(api.Request{Op: api.Put, Key: "a", Value: "1"})
		b.applied <- raft.ApplyMsg{Entries: []core.Entry{{Index: 1, Term: 3, Data: b.raft.commands[0]}}}
		b.raft.proposals[0](raft.Accepted{Index: 1, Term: 3}, nil)
		if out := <-write; out.err != nil || out.reply.Index != 1 {
			t.Errorf("write: %+v", out)
		}
	})
}

func TestOperationTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		began := time.Now()
		write := b.ask(api.Request{Op: api.Put, Key: "a", Value: "1"})
		time.Sleep(time.Second)
		read := b.ask(api.Request{Op: api.Get, Key: "a"})
		if out := <-write; out.err == nil || out.err.Code != api.Timeout || out.err.Definite || out.err.Leader != "n2" {
			t.Errorf("write: %+v", out.err)
		}
		if took := time.Since(began); took != testTimeout {
			t.Errorf("the write waited %v", took)
		}
		if out := <-read; out.err == nil || out.err.Code != api.Timeout || !out.err.Definite {
			t.Errorf("read: %+v", out.err)
		}
		if took := time.Since(began); took != testTimeout+time.Second {
			t.Errorf("the read ended after %v", took)
		}
	})
}

func TestRaftErrors(t *testing.T) {
	cases := []struct {
		err      error
		code     api.Code
		definite bool
	}{
		{raft.ErrNoLeader, api.NoLeader, true},
		{raft.ErrNotAccepted, api.NotAccepted, true},
		{raft.ErrOverloaded, api.Overloaded, true},
		{raft.ErrTooLarge, api.BadRequest, true},
		{raft.ErrStopped, api.Stopping, true},
		{raft.ErrTransferring, api.Transferring, true},
		{raft.ErrLost, api.Lost, false},
		{errors.New("never heard of"), api.Lost, false},
	}
	for _, c := range cases {
		t.Run(c.err.Error(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				check := func(when string, out outcome) {
					if out.err == nil || out.err.Code != c.code || out.err.Definite != c.definite {
						t.Errorf("%s: %+v", when, out.err)
					}
				}
				late := b.ask(api.Request{Op: api.Put, Key: "a"})
				b.raft.proposals[0](raft.Accepted{}, c.err)
				check("as an answer", <-late)
				b.raft.refuse = c.err
				check("at once", <-b.ask(api.Request{Op: api.Put, Key: "a"}))
				if out := <-b.ask(api.Request{Op: api.Get, Key: "a"}); out.err == nil || !out.err.Definite {
					t.Errorf("a read: %+v", out.err)
				}
			})
		})
	}
}

func TestDrainAndEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		waiting := b.ask(api.Request{Op: api.Put, Key: "a"})
		close(b.drained)
		synctest.Wait()
		if out := <-b.ask(api.Request{Op: api.Put, Key: "a"}); out.err == nil || out.err.Code != api.Stopping {
			t.Errorf("a late one: %+v", out.err)
		}
		close(b.applied)
		if out := <-waiting; out.err == nil || out.err.Code != api.Lost || out.err.Definite {
			t.Errorf("the waiting one: %+v", out.err)
		}
		<-b.ended
		if out := <-b.ask(api.Request{Op: api.Put, Key: "a"}); out.err == nil || out.err.Code != api.Stopping || !out.err.Definite {
			t.Errorf("one after the end: %+v", out.err)
		}
		b.applied = make(chan raft.ApplyMsg) // for inBubble to close
	})
}

// TestReadsAskForWhatTheyWant: the lease of a request reaches Raft, and what
// confirmed the read reaches the client.
func TestReadsAskForWhatTheyWant(t *testing.T) {
	for _, c := range []struct {
		reads        string
		asked, given bool // for a lease, by Raft
	}{
		{"", false, false}, {api.ReadIndex, false, false}, {api.LeaseRead, true, true}, {api.LeaseRead, true, false},
	} {
		inBubble(t, func(t *testing.T, b *bench) {
			read := b.ask(api.Request{Op: api.Get, Key: "a", Reads: c.reads})
			if len(b.raft.leases) != 1 || b.raft.leases[0] != c.asked {
				t.Fatalf("%+v: asked for %v", c, b.raft.leases)
			}
			b.raft.reads[0](raft.ReadPoint{Lease: c.given}, nil)
			if out := <-read; out.err != nil || out.reply.Lease != c.given || out.reply.Stale {
				t.Errorf("%+v: %+v", c, out)
			}
		})
	}
}

// TestNothingIsPromisedAfterTheDiskFailed: what waits ends as nobody knows,
// though its entry comes yet, and what comes later is refused.
func TestNothingIsPromisedAfterTheDiskFailed(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		write := b.ask(api.Request{Op: api.Put, Key: "a", Value: "1"})
		b.raft.proposals[0](raft.Accepted{Index: 1, Term: 3}, nil)
		read := b.ask(api.Request{Op: api.Get, Key: "a"})
		synctest.Wait()
		close(b.silenced)
		b.raft.reads[0](raft.ReadPoint{}, nil)
		b.applied <- raft.ApplyMsg{Entries: []core.Entry{{Index: 1, Term: 3, Data: b.raft.commands[0]}}}
		if out := <-write; out.err == nil || out.err.Code != api.Lost || out.err.Definite {
			t.Errorf("the write: %+v", out)
		}
		if out := <-read; out.err == nil || out.err.Code != api.NotServed || !out.err.Definite {
			t.Errorf("the read: %+v", out)
		}
		for _, reads := range []string{"", api.StaleRead} {
			if out := <-b.ask(api.Request{Op: api.Get, Key: "a", Reads: reads}); out.err == nil || out.err.Code != api.Stopping {
				t.Errorf("a later read %q: %+v", reads, out)
			}
		}
	})
}

func TestSnapshots(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.applied <- raft.ApplyMsg{Entries: []core.Entry{{Index: 1, Term: 1, Kind: core.Noop}, {Index: 2, Term: 1, Kind: core.Noop}}}
		synctest.Wait()
		if len(b.raft.snapshots) != 1 || b.raft.snapshots[0] != 2 {
			t.Errorf("offered %v", b.raft.snapshots)
		}
		b.applied <- raft.ApplyMsg{Snapshot: &raft.Snapshot{Meta: core.SnapshotMeta{Index: 9, Term: 1}, Data: kv.New(kv.DefaultLimits()).Snapshot()}}
		b.applied <- raft.ApplyMsg{Snapshot: &raft.Snapshot{Meta: core.SnapshotMeta{Index: 12, Term: 1}, Data: []byte("rubbish")}}
		if err := <-b.failed; !errors.Is(err, kv.ErrSnapshot) {
			t.Errorf("a bad snapshot: %v", err)
		}
		// What follows a snapshot that is not there must not be applied.
		b.applied <- raft.ApplyMsg{Entries: []core.Entry{{Index: 13, Term: 1, Kind: core.Noop}}}
	})
}
