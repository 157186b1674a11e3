package register

import (
	"encoding/json"
	"fmt"
	"strconv"

	"partita/harness/cluster"
	"partita/harness/generator"
	"partita/harness/history"
	"partita/node/api"
	"partita/workloads/route"
)

// Client carries out one worker's operations.
type Client struct{ route *route.Route }

// NewClient makes a worker's client.
func NewClient(w generator.Worker, nodes []string) *Client {
	return &Client{route.New(w, nodes)}
}

// Node is where the next operation goes.
func (c *Client) Node() string { return c.route.Node() }

// Invoke carries an operation out at the node it names.
func (c *Client) Invoke(env cluster.Env, op history.Event) history.Event {
	reply, done := c.route.Call(env, op, request(op))
	if done.Type != history.OK {
		return done
	}
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
