package raft

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"partita/raft/core"
)

// ApplyMsg is what the state machine is given: either entries, committed, in
// order and without gaps, or a snapshot that replaces its state. Receiving it
// counts as applied. A Noop entry changes nothing but has its index.
type ApplyMsg struct {
	Entries  []core.Entry
	Snapshot *Snapshot
}

// Snapshot is a state machine's state up to an entry. Data is its own.
type Snapshot struct {
	Meta core.SnapshotMeta
	Data []byte
}

// Accepted says where a leader put a command. It is committed when the entry
// applied at Index has this Term, and lost when it has another.
type Accepted struct {
	Index core.Index
	Term  core.Term
}

// Raft is a running member.
type Raft struct {
	cfg       Config
	log       *slog.Logger
	storage   Storage
	transport Transport
	applyCh   chan<- ApplyMsg

	status  atomic.Pointer[core.Status]
	backlog atomic.Int64 // entry bytes that wait for the disk

	gate     sync.RWMutex // guards stopped against requests under way; never held over I/O
	stopped  bool
	requests chan request
	events   chan core.Event // completions; the goroutines that send them wait their turn

	logs      *queue[core.Effect]
	snapshots *queue[core.Effect]
	applies   *queue[core.Effect]

	stopOnce sync.Once
	stop     chan struct{}
	running  sync.WaitGroup

	failOnce sync.Once
	failed   chan struct{}
	err      error // set before failed is closed
}

// request is one of propose, read, start or compact.
type request struct {
	command  []byte
	start    bool // of a command: refuse it unless this member leads
	proposed func(Accepted, error)
	read     func(core.Index, error)
	compact  *core.Compact
}

// Make starts a member with what its storage holds. It takes over storage and
// transport: Stop closes both, and then applyCh. If Make fails it closes none.
func Make(cfg Config, storage Storage, transport Transport, applyCh chan<- ApplyMsg) (*Raft, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	member, err := core.New(cfg.core(), storage.Restored())
	if err != nil {
		return nil, fmt.Errorf("raft: %w", err)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Raft{
		cfg: cfg, log: cfg.Logger, storage: storage, transport: transport, applyCh: applyCh,
		requests: make(chan request, cfg.QueueLimit),
		events:   make(chan core.Event, 16),
		logs:     newQueue[core.Effect](), snapshots: newQueue[core.Effect](), applies: newQueue[core.Effect](),
		stop: make(chan struct{}), failed: make(chan struct{}),
	}
	status := member.Status()
	r.status.Store(&status)
	for _, work := range []func(){newOwner(r, member).run, r.writeLog, r.keepSnapshots, r.apply} {
		r.running.Go(work)
	}
	return r, nil
}

// enqueue hands a request to the owner without waiting.
func (r *Raft) enqueue(q request) error {
	r.gate.RLock()
	defer r.gate.RUnlock()
	if r.stopped {
		return ErrStopped
	}
	select {
	case r.requests <- q:
		return nil
	default:
		return ErrOverloaded
	}
}

// mayPropose says why a command cannot be taken, or nil.
func (r *Raft) mayPropose(command []byte) error {
	switch {
	case len(command) > r.cfg.MaxCommandBytes:
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, len(command), r.cfg.MaxCommandBytes)
	case r.backlog.Load() > int64(r.cfg.MaxBacklogBytes):
		return ErrOverloaded
	}
	return nil
}

// Start appends a command if this member leads, and returns where without
// waiting for a disk, the network or consensus. The third result says whether
// it leads; if not, nothing was appended.
func (r *Raft) Start(command []byte) (core.Index, core.Term, bool) {
	done := make(chan Accepted, 1)
	err := r.mayPropose(command)
	if err == nil {
		err = r.enqueue(request{command: command, start: true, proposed: func(a Accepted, err error) {
			if err != nil {
				a = Accepted{}
			}
			done <- a
		}})
	}
	if err != nil {
		term, _ := r.GetState()
		return 0, term, false
	}
	a := <-done
	if a.Index == 0 {
		term, _ := r.GetState()
		return 0, term, false
	}
	return a.Index, a.Term, true
}

// ProposeAsync asks for a command to be replicated, on any member: a follower
// forwards it. An error returned means that it was not taken and done is never
// called. Otherwise done is called once, by the owner: it must return at once
// and must not wait for the Raft. The entry of a forwarded command may have been
// applied here before done is called.
func (r *Raft) ProposeAsync(command []byte, done func(Accepted, error)) error {
	if err := r.mayPropose(command); err != nil {
		return err
	}
	return r.enqueue(request{command: command, proposed: done})
}

// ReadAsync asks for an index at which a read is linearizable (thesis §6.4),
// on any member: once the state machine has applied that index, its answer is.
// The rules for done are those of ProposeAsync.
func (r *Raft) ReadAsync(done func(core.Index, error)) error {
	return r.enqueue(request{read: done})
}

// Propose is ProposeAsync that waits. An error of ctx is indefinite.
func (r *Raft) Propose(ctx context.Context, command []byte) (Accepted, error) {
	return wait(ctx, func(done func(Accepted, error)) error { return r.ProposeAsync(command, done) })
}

// ReadIndex is ReadAsync that waits.
func (r *Raft) ReadIndex(ctx context.Context) (core.Index, error) { return wait(ctx, r.ReadAsync) }

func wait[T any](ctx context.Context, begin func(func(T, error)) error) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	var none T
	if err := begin(func(v T, err error) { done <- outcome{v, err} }); err != nil {
		return none, err
	}
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// Snapshot offers the state machine's state up to an index that was received
// from applyCh. The log is cut once it is durable.
func (r *Raft) Snapshot(index core.Index, data []byte) error {
	return r.enqueue(request{compact: &core.Compact{Index: index, Data: data}})
}

// GetState gives the current term and whether this member believes it leads.
func (r *Raft) GetState() (core.Term, bool) {
	s := r.status.Load()
	return s.Term, s.Role == core.Leader
}

// Status gives what the member knows of itself, as of its last step.
func (r *Raft) Status() core.Status { return *r.status.Load() }

// Failed is closed when the storage has failed. The member promises nothing
// any more; Err says why.
func (r *Raft) Failed() <-chan struct{} { return r.failed }

// Err is why the storage failed, or nil.
func (r *Raft) Err() error {
	select {
	case <-r.failed:
		return r.err
	default:
		return nil
	}
}

func (r *Raft) fail(err error) {
	r.failOnce.Do(func() {
		r.err = err
		r.log.Error("storage failed", "error", err.Error())
		close(r.failed)
	})
}

// Stop ends the member and waits for its goroutines. What was not answered is
// answered: a request not yet looked at with ErrStopped, a forwarded proposal
// with ErrLost. It may be called twice.
func (r *Raft) Stop() {
	r.stopOnce.Do(func() {
		r.gate.Lock()
		r.stopped = true
		r.gate.Unlock()
		close(r.stop)
		r.running.Wait()
		if err := r.transport.Close(); err != nil {
			r.log.Warn("closing the transport", "error", err.Error())
		}
		if err := r.storage.Close(); err != nil {
			r.log.Warn("closing the storage", "error", err.Error())
		}
		close(r.applyCh)
	})
}
