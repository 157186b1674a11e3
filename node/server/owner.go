package server

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"partita/node/api"
	"partita/node/kv"
	"partita/node/service"
	"partita/raft"
	"partita/raft/core"
)

// Bounds of the owner's queues. A call that finds the first one full is
// refused as overloaded. Raft's answers are at most as many as the requests
// that Raft itself holds.
const (
	maxPending  = 8192
	maxOutcomes = 1 << 16
)

// replicator is what the owner needs of Raft. No call of it may wait for
// consensus, a disk or the network.
type replicator interface {
	ProposeAsync(command []byte, done func(raft.Accepted, error)) error
	ReadAsync(lease bool, done func(raft.ReadPoint, error)) error
	Snapshot(index core.Index, data []byte) error
}

// call is one request on its way. Its outcome is sent once, without waiting.
type call struct {
	request api.Request
	done    chan outcome // room for one
}

// outcome is a reply, or an error if err is not nil.
type outcome struct {
	reply api.Reply
	err   *api.Error
}

// answer is Raft's word on a proposal or a read.
type answer struct {
	id    uint64
	read  bool
	lease bool // of a read: a lease confirmed it
	index core.Index
	term  core.Term
	err   error
}

// deadline is when a request's time is up, counted since the owner's start.
type deadline struct {
	id uint64
	at time.Duration
}

// owner is the goroutine that has the service. It ends when the stream of
// applied entries does, and answers everything that waits before it does.
type owner struct {
	service *service.Service
	raft    replicator
	applied <-chan raft.ApplyMsg
	leader  func() string   // the leader's name, if known
	silence <-chan struct{} // closed when the disk has failed: nothing is promised any more
	timeout time.Duration
	log     *slog.Logger

	inbox   chan call
	drained chan struct{} // closed when no more calls are to be taken
	ended   chan struct{} // closed when all is answered
	failed  chan error    // room for one: the state machine cannot go on

	mu      sync.Mutex // guards answers; held for an append or a swap only
	answers []answer
	wake    chan struct{} // room for one: there are answers

	sessions atomic.Pointer[kv.Counts] // what became of sessions, for others to read

	// The rest belongs to the goroutine alone.
	spare     []answer // the buffer that answers swaps with
	nextID    uint64
	calls     map[uint64]call
	deadlines []deadline // all calls wait equally long, so these are in order
	started   time.Time
	broken    bool // a snapshot could not be restored, or the disk has failed
}

func newOwner(s *service.Service, applied <-chan raft.ApplyMsg, timeout time.Duration, log *slog.Logger) *owner {
	o := &owner{
		service: s, applied: applied, timeout: timeout, log: log,
		inbox:   make(chan call, maxPending),
		drained: make(chan struct{}),
		ended:   make(chan struct{}),
		failed:  make(chan error, 1),
		wake:    make(chan struct{}, 1),
		calls:   map[uint64]call{},
		started: time.Now(),
	}
	o.sessions.Store(&kv.Counts{})
	return o
}

// do is called by many goroutines: it hands a request to the owner and waits
// for the outcome, which comes within the operation timeout.
func (o *owner) do(request api.Request) (api.Reply, *api.Error) {
	c := call{request: request, done: make(chan outcome, 1)}
	select {
	case o.inbox <- c:
	default:
		return api.Reply{}, &api.Error{Code: api.Overloaded, Definite: true,
			Message: fmt.Sprintf("%d requests wait already", cap(o.inbox))}
	}
	select {
	case out := <-c.done:
		return out.reply, out.err
	case <-o.ended:
	}
	select {
	case out := <-c.done:
		return out.reply, out.err
	default: // the owner ended before it saw the call
		return api.Reply{}, &api.Error{Code: api.Stopping, Definite: true, Message: "the node is stopping"}
	}
}

// run is the goroutine.
func (o *owner) run() {
	defer close(o.ended)
	timer := time.NewTimer(o.timeout)
	defer timer.Stop()
	drained, silence := o.drained, o.silence
	for {
		select {
		case <-silence: // before all that would be answered well
			silence = nil
			o.broken = true
			o.execute(o.service.Abandon())
		default:
		}
		// Answers go first: on the leader they name entries before these are
		// applied, and the service then has nothing to remember.
		o.takeAnswers()
		select {
		case <-silence: // for the next turn
		case c := <-o.inbox:
			o.take(c)
		case <-o.wake:
		case msg, open := <-o.applied:
			o.takeAnswers()
			if !open {
				o.execute(o.service.Abandon())
				return
			}
			o.apply(msg)
		case <-timer.C:
			timer.Reset(o.expire())
		case <-drained:
			o.service.Drain()
			drained = nil
		}
	}
}

// take gives a call an ID and hands its request to the service.
func (o *owner) take(c call) {
	o.nextID++
	id := o.nextID
	o.calls[id] = c
	o.deadlines = append(o.deadlines, deadline{id: id, at: time.Since(o.started) + o.timeout})
	o.execute(o.service.Request(id, c.request))
}

// apply feeds the state machine. After a snapshot that cannot be restored
// nothing more is applied, and the node is told to stop.
func (o *owner) apply(msg raft.ApplyMsg) {
	if o.broken {
		return
	}
	if msg.Snapshot == nil {
		o.execute(o.service.Applied(msg.Entries))
		if now := o.service.SessionCounts(); now != *o.sessions.Load() {
			o.sessions.Store(&now)
		}
		return
	}
	meta := msg.Snapshot.Meta
	effects, err := o.service.Restored(meta, msg.Snapshot.Data)
	if err != nil {
		o.broken = true
		o.failed <- err
		return
	}
	o.log.Info("snapshot installed", "index", uint64(meta.Index), "term", uint64(meta.Term), "bytes", len(msg.Snapshot.Data))
	o.execute(effects)
}

// expire ends the calls whose time is up and says when to look again.
func (o *owner) expire() time.Duration {
	for len(o.deadlines) > 0 {
		d := o.deadlines[0]
		if _, waits := o.calls[d.id]; waits {
			if left := d.at - time.Since(o.started); left > 0 {
				return left
			}
			o.execute(o.service.Expire(d.id))
		}
		o.deadlines = o.deadlines[1:]
	}
	return o.timeout
}

// execute carries out effects, in order.
func (o *owner) execute(effects []service.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case service.Propose:
			err := o.raft.ProposeAsync(e.Data, func(at raft.Accepted, err error) {
				o.tell(answer{id: e.ID, index: at.Index, term: at.Term, err: err})
			})
			if err != nil {
				o.execute(o.refuse(e.ID, err))
			}
		case service.Read:
			err := o.raft.ReadAsync(e.Lease, func(at raft.ReadPoint, err error) {
				o.tell(answer{id: e.ID, read: true, lease: at.Lease, index: at.Index, err: err})
			})
			if err != nil {
				o.execute(o.refuse(e.ID, err))
			}
		case service.Reply:
			o.finish(e.ID, outcome{reply: e.Reply})
		case service.Fail:
			e.Error.Leader = o.leader()
			o.finish(e.ID, outcome{err: &e.Error})
		case service.Compact:
			if err := o.raft.Snapshot(e.Index, e.Data); err != nil {
				o.log.Warn("snapshot not taken", "index", uint64(e.Index), "error", err.Error())
				continue
			}
			o.log.Info("snapshot taken", "index", uint64(e.Index), "bytes", len(e.Data))
		}
	}
}

// finish answers a call.
func (o *owner) finish(id uint64, out outcome) {
	o.calls[id].done <- out
	delete(o.calls, id)
}

// tell is called by Raft's goroutine and returns at once.
func (o *owner) tell(a answer) {
	o.mu.Lock()
	o.answers = append(o.answers, a)
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// takeAnswers gives the service what Raft has said.
func (o *owner) takeAnswers() {
	o.mu.Lock()
	answers := o.answers
	o.answers = o.spare[:0]
	o.mu.Unlock()
	for _, a := range answers {
		switch {
		case a.err != nil:
			o.execute(o.refuse(a.id, a.err))
		case a.read:
			o.execute(o.service.ReadReady(a.id, a.index, a.lease))
		default:
			o.execute(o.service.Proposed(a.id, a.index, a.term))
		}
	}
	clear(answers)
	o.spare = answers
}

// refuse translates Raft's errors. One that it does not know is indefinite.
func (o *owner) refuse(id uint64, err error) []service.Effect {
	switch {
	case errors.Is(err, raft.ErrNoLeader):
		return o.service.Refused(id, core.NoLeader)
	case errors.Is(err, raft.ErrNotAccepted):
		return o.service.Refused(id, core.NotAccepted)
	}
	if code, known := codeOf(err); known {
		return o.service.Declined(id, code, wordsOf(err))
	}
	return o.service.Refused(id, core.Lost)
}
