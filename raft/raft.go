package raft

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"partita/raft/core"
)

// Raft is a running member of a cluster. Its methods may be called from any
// goroutine.
type Raft struct {
	cfg       Config
	log       *slog.Logger
	storage   Storage
	transport Transport
	applyCh   chan<- ApplyMsg
	made      time.Time

	requests *queue[request]    // at most cfg.QueueLimit
	events   *queue[core.Event] // completions: at most one for each effect under way
	disk     *queue[core.Effect]
	saves    *queue[core.SaveSnapshot]
	applies  *queue[core.Effect]
	ships    *queue[core.SendChunk]
	pieces   *queue[core.Envelope] // chunks that were read, for the owner to send

	backlog  atomic.Int64 // bytes of entries that wait for the disk
	status   atomic.Pointer[core.Status]
	members  atomic.Pointer[core.Membership]
	newest   atomic.Pointer[size]
	counters counters

	stopping  chan struct{} // closed by Stop
	stopOnce  sync.Once
	stopped   chan struct{} // closed when Stop has done all
	broken    chan struct{} // closed when the storage failed
	breakOnce sync.Once
	failure   atomic.Pointer[error]
	failed    chan struct{} // closed when it has, and the owner has ended
	failOnce  sync.Once
	quit      chan struct{} // closed by the owner when it ends
	goroutine sync.WaitGroup

	owner owner
}

// Make starts a member on what its storage restored. It takes storage and
// transport over: Stop closes them, and closes applyCh, on which nobody else
// may send. When Make fails it has closed none of them.
func Make(cfg Config, storage Storage, transport Transport, applyCh chan<- ApplyMsg) (*Raft, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c, err := core.New(cfg.core(), storage.Restored())
	if err != nil {
		return nil, fmt.Errorf("raft: start from what the storage restored: %w", err)
	}
	r := &Raft{
		cfg: cfg, log: cfg.Logger, storage: storage, transport: transport, applyCh: applyCh, made: time.Now(),
		requests: newQueue[request](),
		events:   newQueue[core.Event](),
		disk:     newQueue[core.Effect](),
		saves:    newQueue[core.SaveSnapshot](),
		applies:  newQueue[core.Effect](),
		ships:    newQueue[core.SendChunk](),
		pieces:   newQueue[core.Envelope](),
		stopping: make(chan struct{}),
		stopped:  make(chan struct{}),
		broken:   make(chan struct{}),
		failed:   make(chan struct{}),
		quit:     make(chan struct{}),
		owner:    newOwner(c),
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.members.Store(&core.Membership{})
	r.newest.Store(&size{})
	r.step(core.Started{})
	r.publish()
	for _, run := range []func(){r.own, r.runDisk, r.runSaves, r.runApplies, r.runShips} {
		r.goroutine.Go(run)
	}
	return r, nil
}

// GetState is the term as this member knows it, and whether it believes to
// be the leader of it. It waits for nothing.
func (r *Raft) GetState() (core.Term, bool) {
	s := r.status.Load()
	return s.Term, s.Role == core.Leader
}

// Status is what the member knew of itself when its owner last had nothing
// more to do. It waits for nothing. Its Peers are not to be changed.
func (r *Raft) Status() core.Status { return *r.status.Load() }

// Members is the configuration that is in force here, committed or not. It
// waits for nothing. Its lists are not to be changed.
func (r *Raft) Members() core.Membership { return *r.members.Load() }

// Failed is closed when the storage has failed. From then on the member sends
// no message and ends no request well, and Err says why.
func (r *Raft) Failed() <-chan struct{} { return r.failed }

// Err is the storage's failure, or nil.
func (r *Raft) Err() error {
	if err := r.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Stop ends the member and waits until all its goroutines have ended, then
// closes transport, storage and apply channel. Requests under way fail. It
// must not be called from a callback. Calling it again waits for the first.
func (r *Raft) Stop() {
	r.stopOnce.Do(func() {
		close(r.stopping)
		r.goroutine.Wait()
		r.announce()
		if err := r.transport.Close(); err != nil {
			r.log.Error("close the transport", "error", err)
		}
		if err := r.storage.Close(); err != nil {
			r.log.Error("close the storage", "error", err)
		}
		close(r.applyCh)
		close(r.stopped)
	})
	<-r.stopped
}

// fail notes the first failure of the storage, which ends the owner and with
// it everything.
func (r *Raft) fail(err error) {
	r.breakOnce.Do(func() {
		r.failure.Store(&err)
		close(r.broken)
		r.log.Error("storage failed", "error", err)
	})
}

// isBroken says whether the storage has failed. The owner looks before all that
// others see, so that after the failure nothing more is promised.
func (r *Raft) isBroken() bool { return r.failure.Load() != nil }

// announce tells of a failure, when the owner has ended.
func (r *Raft) announce() {
	if r.isBroken() {
		r.failOnce.Do(func() { close(r.failed) })
	}
}
