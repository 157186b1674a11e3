package session

import (
	"encoding/json"
	"time"

	"partita/harness/cluster"
	"partita/harness/generator"
	"partita/harness/history"
	"partita/node/api"
	lists "partita/workloads/append" // its own name would hide the builtin
	"partita/workloads/route"
)

// How long clients wait, and how often they send.
const (
	patience   = 1200 * time.Millisecond // for an answer, before another copy is sent
	impatience = 15 * time.Millisecond   // the same, of an impatient client's first copy
	pause      = 50 * time.Millisecond   // before the second copy; twice as long before each one after it
	mostCopies = 7                       // because answers do not come
)

// Client carries out one worker's operations.
type Client struct {
	route   *route.Route
	current *session // nil: to be opened
	aside   *session // one that was left idle, or nil
}

// session is one that a node has opened.
type session struct {
	id     uint64
	number uint64       // the latest given
	last   *api.Request // the latest command, if it was answered
}

// NewClient makes a worker's client.
func NewClient(w generator.Worker, nodes []string) *Client {
	return &Client{route: route.New(w, nodes)}
}

// Node is where the next operation goes.
func (c *Client) Node() string { return c.route.Node() }

// Invoke carries an operation out, first at the node that it names.
func (c *Client) Invoke(env cluster.Env, op history.Event) history.Event {
	if op.F == Read {
		reply, done := c.route.Call(env, op, api.Request{Op: api.Get, Key: op.Key})
		if done.Type == history.OK {
			done.Value = lists.List(reply.Value)
		}
		return done
	}
	began := env.Now()
	s, err := c.session(env, op)
	if err != nil {
		c.route.Turn(err)
		op.Type, op.Error = history.Fail, "open a session: "+err.Error()
		return op
	}
	s.number++
	o := &sending{
		client: c, env: env, op: op, session: s, deadline: began + route.Timeout,
		request: api.Request{Op: api.Append, Key: op.Key, Value: lists.Text(op.Value), Session: s.id, Number: s.number},
	}
	o.untilAnswered()
	o.onPurpose()
	return o.completion()
}

// session is the one to use, opened if there is none. Nothing was sent in it
// yet when that fails, whatever became of the opening.
func (c *Client) session(env cluster.Env, op history.Event) (*session, *api.Error) {
	switch {
	case op.How == Late && c.aside != nil:
		return c.aside, nil
	case op.How == Fresh && c.current != nil:
		c.aside, c.current = c.current, nil
	}
	if c.current == nil {
		reply, err := route.Ask(env, op.Node, api.Request{Op: api.OpenSession}, patience)
		if err != nil {
			return nil, err
		}
		c.current = &session{id: reply.Session}
	}
	return c.current, nil
}

// forget drops a session of which nothing more is to be sent.
func (c *Client) forget(s *session) {
	if c.current == s {
		c.current = nil
	}
	if c.aside == s {
		c.aside = nil
	}
}

// sending is one append on its way: all copies of one command.
type sending struct {
	client   *Client
	env      cluster.Env
	op       history.Event
	session  *session
	request  api.Request
	deadline time.Duration

	copies  []history.Copy
	value   json.RawMessage // the first answer; nil before it
	lost    bool            // a copy may have been executed, or may be yet
	expired bool            // a copy was refused because the session has expired
	failed  *api.Error      // the latest error of a copy that was not sent on purpose
}

// untilAnswered sends copies until one gets a definite answer, or there were
// enough.
func (o *sending) untilAnswered() {
	wait, between := patience, pause
	if o.op.How == Impatient {
		wait, between = impatience, 0
	}
	for node := o.op.Node; ; node = o.client.route.Node() {
		o.failed = o.send(node, o.request, wait)
		switch {
		case o.failed == nil || o.failed.Code == api.SessionExpired || o.failed.Code == api.SessionStale:
			return
		case !o.lost || len(o.copies) == mostCopies || o.left() <= between:
			o.client.route.Turn(o.failed)
			return
		}
		o.client.route.Turn(o.failed)
		o.env.Sleep(between)
		wait, between = patience, max(pause, 2*between)
	}
}

// onPurpose sends the copies that nobody needs: to another node, in the hope
// to see them executed.
func (o *sending) onPurpose() {
	if o.failed != nil && !o.expired || o.left() <= 0 {
		return
	}
	node := o.client.route.After(o.copies[len(o.copies)-1].Node)
	switch {
	case o.expired, o.op.How == Twice, o.op.How == Late:
		_ = o.send(node, o.request, patience) // the copy tells of it
	case o.op.How == Old && o.session.last != nil:
		_ = o.send(node, *o.session.last, patience)
	}
}

func (o *sending) left() time.Duration { return o.deadline - o.env.Now() }

// send sends one copy and keeps what is heard of it.
func (o *sending) send(node string, request api.Request, wait time.Duration) *api.Error {
	reply, err := route.Ask(o.env, node, request, min(wait, max(time.Millisecond, o.left())))
	sent := history.Copy{Node: node}
	own := request.Number == o.request.Number
	if !own {
		sent.Number = request.Number
	}
	switch {
	case err != nil:
		sent.Answer = string(err.Code)
		o.lost = o.lost || own && !err.Definite
		o.expired = o.expired || own && err.Code == api.SessionExpired
	default:
		if sent.Answer = history.Executed; reply.Duplicate {
			sent.Answer = history.Repeated
		}
		sent.Value = lists.List(reply.Value)
		if own && o.value == nil {
			o.value = sent.Value
		}
	}
	o.copies = append(o.copies, sent)
	return err
}

// completion says how the operation ended.
func (o *sending) completion() history.Event {
	done, s := o.op, o.session
	done.Session = &history.Session{ID: s.id, Number: o.request.Number, Copies: o.copies}
	if o.failed != nil {
		done.Error = o.failed.Error()
	}
	s.last = nil
	switch {
	case o.value != nil:
		done.Type, done.Value, done.Error = history.OK, o.value, ""
		s.last = &o.request
	case o.lost:
		done.Type = history.Info
		o.client.forget(s) // its process is retired
	default:
		done.Type = history.Fail
	}
	if o.expired {
		o.client.forget(s)
	}
	return done
}
