package append

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"partita/harness/cluster"
	"partita/harness/generator"
	"partita/harness/history"
	"partita/node/api"
	"partita/workloads/route"
)

// end follows each number in the text that a node keeps.
const end = ","

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
	if done.Type == history.OK {
		done.Value = List(reply.Value)
	}
	return done
}

// Text is what a node is given to append.
func Text(value json.RawMessage) string { return string(value) + end }

// List is a node's text as an array of the history. What no appends can have
// made stays as it came, a text, for the checker to refuse.
func List(text string) json.RawMessage {
	rest := text
	for rest != "" {
		number, after, ended := strings.Cut(rest, end)
		if n, err := strconv.ParseInt(number, 10, 64); err != nil || !ended || strconv.FormatInt(n, 10) != number {
			return history.String(text)
		}
		rest = after
	}
	return json.RawMessage("[" + strings.TrimSuffix(text, end) + "]")
}

// request turns an operation into what nodes understand.
func request(op history.Event) api.Request {
	switch op.F {
	case Read:
		return api.Request{Op: api.Get, Key: op.Key}
	case Append:
		return api.Request{Op: api.Append, Key: op.Key, Value: Text(op.Value)}
	}
	panic(fmt.Sprintf("append: invariant broken: there is no operation %q", op.F))
}
