package register

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"partita/harness/cluster"
	"partita/harness/generator"
	"partita/harness/history"
	"partita/node/api"
)

// Timeout is how long an operation may take.
const Timeout = 5 * time.Second

// Client carries out one worker's operations. A bound one stays with its node;
// a roaming one follows the leader that errors name, and leaves a node that
// does not answer. It retries nothing.
type Client struct {
	nodes []string
	node  string
	bound bool
}

// NewClient makes a worker's client.
func NewClient(w generator.Worker, nodes []string) *Client {
	return &Client{nodes: nodes, node: w.Node, bound: w.Role != generator.Roaming}
}

// Node is where the next operation goes.
func (c *Client) Node() string { return c.node }

// Invoke carries an operation out at the node it names.
func (c *Client) Invoke(env cluster.Env, op history.Event) history.Event {
	done := op
	reply, err := env.Call(op.Node, request(op), Timeout)
	if err != nil {
		var e *api.Error
		if !errors.As(err, &e) {
			panic(fmt.Sprintf("register: invariant broken: Call returned %T, want *api.Error", err))
		}
		c.turn(e)
		done.Error = e.Error()
		if done.Type = history.Info; e.Definite {
			done.Type = history.Fail
		}
		return done
	}
	done.Type = history.OK
	switch op.F {
	case Read:
		if done.Value = history.Null(); reply.Found {
			done.Value = value(reply.Value)
		}
	case CAS:
		done.Swapped = &reply.Swapped
	}
	return done
}

// value is a node's answer as a value of the history. What nobody can have
// written stays as it came, a text, for the checker to refuse.
func value(answer string) json.RawMessage {
	n, err := strconv.ParseInt(answer, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != answer {
		return history.String(answer)
	}
	return history.Int(n)
}

// request turns an operation into what nodes understand.
func request(op history.Event) api.Request {
	r := api.Request{Key: op.Key, Value: string(op.Value)}
	switch op.F {
	case Read:
		r.Op, r.Value = api.Get, ""
	case Write:
		r.Op = api.Put
	case CAS:
		r.Op = api.CAS
		if r.OldAbsent = history.IsNull(op.Old); !r.OldAbsent {
			r.Old = string(op.Old)
		}
	default:
		panic(fmt.Sprintf("register: invariant broken: there is no operation %q", op.F))
	}
	return r
}

// turn chooses where to go after an error.
func (c *Client) turn(e *api.Error) {
	switch {
	case c.bound:
	case e.Leader != "" && e.Leader != c.node && slices.Contains(c.nodes, e.Leader):
		c.node = e.Leader
	default:
		c.node = c.nodes[(slices.Index(c.nodes, c.node)+1)%len(c.nodes)]
	}
}
