package cluster

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"partita/node/api"
)

// Fake is a cluster of nodes that share one map, for tests: linearizable as
// long as no Misdeeds are asked for. Under testing/synctest its delays cost
// nothing.
type Fake struct {
	start  Start
	nodes  []string
	delay  time.Duration
	wrongs Misdeeds

	mu     sync.Mutex // guards what follows; held over nothing that waits
	source *rand.Rand
	values map[string]string
	before map[string]old
	opened uint64                 // sessions
	latest map[uint64]fakeSession // what each session did last
	down   map[string]bool
	leader string
	calls  int
}

// old is what a key held before its latest change.
type old struct {
	value string
	found bool
}

// fakeSession is the latest command of a session. Sessions do not expire.
type fakeSession struct {
	number uint64
	reply  api.Reply
}

// Misdeeds are what a Fake does wrong, each with its probability a request.
type Misdeeds struct {
	StaleReads float64 // a read answers what was there before the latest change
	LostAcks   float64 // a change happens, but its answer never comes: an indefinite error
	LostWrites float64 // a write or an append is answered but does not happen
	Refusals   float64 // a definite error that names the leader
	Duplicates float64 // a command of a session is executed though it was before
}

// NewFake makes a fake cluster. Each request takes up to twice delay, drawn
// from the seed, and takes effect somewhere within.
func NewFake(start Start, nodes []string, delay time.Duration, seed uint64, wrongs Misdeeds) *Fake {
	return &Fake{
		start: start, nodes: nodes, delay: delay, wrongs: wrongs,
		source: rand.New(rand.NewPCG(seed, 0)),
		values: map[string]string{}, before: map[string]old{}, latest: map[uint64]fakeSession{}, down: map[string]bool{}, leader: nodes[0],
	}
}

// SetDown makes a node unreachable, or reachable again.
func (f *Fake) SetDown(node string, down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down[node] = down
}

// Calls is how many requests have been made.
func (f *Fake) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// Connect gives a process its Env.
func (f *Fake) Connect() *FakeConnection { return &FakeConnection{fake: f} }

// FakeConnection is the Env of one process in a Fake.
type FakeConnection struct {
	fake   *Fake
	closed bool
}

// Now is the time since the run began.
func (c *FakeConnection) Now() time.Duration { return c.fake.start.Since() }

// Sleep waits.
func (c *FakeConnection) Sleep(d time.Duration) { time.Sleep(d) }

// Close ends the connection; no call may follow.
func (c *FakeConnection) Close() { c.closed = true }

// Call carries a request out, some time before it answers.
func (c *FakeConnection) Call(node string, req api.Request, timeout time.Duration) (api.Reply, error) {
	if c.closed {
		panic("invariant: no call follows the closing of a connection")
	}
	there, back, fate := c.fake.draw()
	time.Sleep(min(there, timeout))
	if there >= timeout {
		return api.Reply{}, &api.Error{Code: api.Timeout, Message: "the request was late", Definite: true}
	}
	reply, err := c.fake.apply(node, req, fate)
	if err != nil {
		if err.Code == api.Timeout {
			time.Sleep(timeout - there)
		}
		return api.Reply{}, err
	}
	time.Sleep(min(back, timeout-there))
	if there+back >= timeout {
		return api.Reply{}, &api.Error{Code: api.Timeout, Message: "the answer was late", Definite: req.Op == api.Get}
	}
	return reply, nil
}

// fate is what one request is in for.
type fate struct{ stale, lostAck, lostWrite, refused, duplicate bool }

func (f *Fake) draw() (there, back time.Duration, fate fate) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	there = time.Duration(f.source.Int64N(int64(f.delay) + 1))
	back = time.Duration(f.source.Int64N(int64(f.delay) + 1))
	fate.stale = f.source.Float64() < f.wrongs.StaleReads
	fate.lostAck = f.source.Float64() < f.wrongs.LostAcks
	fate.lostWrite = f.source.Float64() < f.wrongs.LostWrites
	fate.refused = f.source.Float64() < f.wrongs.Refusals
	if f.wrongs.Duplicates > 0 { // so that other misdeeds draw as they would without it
		fate.duplicate = f.source.Float64() < f.wrongs.Duplicates
	}
	return there, back, fate
}

func (f *Fake) apply(node string, req api.Request, fate fate) (api.Reply, *api.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down[node] || !slices.Contains(f.nodes, node) {
		return api.Reply{}, &api.Error{Code: api.Unreachable, Message: node + " is down", Definite: true}
	}
	if fate.refused {
		return api.Reply{}, &api.Error{Code: api.NotAccepted, Message: "not the leader", Leader: f.leader, Definite: true}
	}
	if s := f.latest[req.Session]; req.Session != 0 && !fate.duplicate && req.Number <= s.number {
		if req.Number < s.number {
			return api.Reply{}, &api.Error{Code: api.SessionStale, Message: "an older command", Definite: true}
		}
		s.reply.Node, s.reply.Duplicate = node, true
		return s.reply, nil
	}
	reply, err := f.execute(node, req, fate)
	if err == nil && req.Session != 0 {
		f.latest[req.Session] = fakeSession{req.Number, reply}
	}
	if err == nil && fate.lostAck && req.Op != api.Get {
		return api.Reply{}, &api.Error{Code: api.Timeout, Message: "no answer"}
	}
	return reply, err
}

func (f *Fake) execute(node string, req api.Request, fate fate) (api.Reply, *api.Error) {
	value, found := f.values[req.Key]
	reply := api.Reply{Value: value, Found: found, Node: node}
	switch req.Op {
	case api.Get:
		if was, changed := f.before[req.Key]; fate.stale && changed {
			reply.Value, reply.Found = was.value, was.found
		}
		return reply, nil
	case api.Put:
		if !fate.lostWrite {
			f.set(req.Key, req.Value)
		}
	case api.CAS:
		reply.Swapped = req.OldAbsent && !found || !req.OldAbsent && found && value == req.Old
		if reply.Swapped {
			f.set(req.Key, req.Value)
		}
	case api.Append:
		reply.Value = value + req.Value
		if !fate.lostWrite {
			f.set(req.Key, reply.Value)
		}
	case api.OpenSession:
		f.opened++
		return api.Reply{Session: f.opened, Node: node}, nil
	default:
		return api.Reply{}, &api.Error{Code: api.BadRequest, Message: "a fake knows get, put, cas, append and open_session, not " + string(req.Op), Definite: true}
	}
	return reply, nil
}

func (f *Fake) set(key, value string) {
	was, found := f.values[key]
	f.before[key] = old{was, found}
	f.values[key] = value
}
