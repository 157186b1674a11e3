package transport

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"time"

	"partita/raft/core"
)

const (
	// DefaultMaxFrame is how long a message may be if Options says nothing, in
	// bytes.
	DefaultMaxFrame = 16 << 20
	// FrameSlack is more than any message takes beside its data, in bytes.
	FrameSlack = 4 << 10
)

// Options says who a member is and whom it talks to. Zero values stand for
// the defaults named.
type Options struct {
	// Cluster is a number that all members of one cluster share. A connection
	// from another cluster is refused.
	Cluster uint64
	Self    core.NodeID

	// Listener is taken over and closed by Close. Without one, New listens on
	// the address Listen.
	Listener net.Listener
	Listen   string

	// Peers gives the address to dial for each member. Self may be among them
	// and is left out. Members that are not here are refused.
	Peers map[core.NodeID]string

	// PeerSilence is how long a peer may leave data unacknowledged before the
	// connection is closed. It is also the longest that one write, or the
	// arrival of a part of a frame, may take. Required.
	PeerSilence time.Duration
	// DialTimeout bounds one attempt to connect and the wait for a hello;
	// default 500 ms, at most 1 s.
	DialTimeout time.Duration
	// BackoffMax bounds the wait between attempts, which begins at 20 ms and
	// doubles; default 500 ms, at most 1 s.
	BackoffMax time.Duration

	// QueueLimit is how many messages may wait for one peer; further ones are
	// dropped and counted. Default 1024. Pieces of snapshots have a queue of
	// their own, of four.
	QueueLimit int
	// ReceiveLimit is how many received messages may wait to be taken; then
	// reading stops, and in the end the senders' queues fill. Default 4096.
	ReceiveLimit int
	// MaxFrame bounds one message in bytes, both ways; default DefaultMaxFrame.
	// A piece of a snapshot is a message too, and has to fit with FrameSlack
	// beside its data; a snapshot as a whole may be of any size.
	MaxFrame int

	// Seed feeds the jitter of the back-off.
	Seed uint64
	// Logger gets connections won and lost; nil is silence.
	Logger *slog.Logger
}

// Validate says what is wrong with the options, or nil.
func (o Options) Validate() error {
	switch {
	case o.Self == core.None:
		return fmt.Errorf("transport: Self is zero; member IDs start at 1")
	case o.Listener == nil && o.Listen == "":
		return fmt.Errorf("transport: neither Listener nor Listen is given")
	case o.PeerSilence < time.Millisecond:
		return fmt.Errorf("transport: PeerSilence is %v; it must be at least 1ms", o.PeerSilence)
	case o.DialTimeout < 0 || o.DialTimeout > time.Second:
		return fmt.Errorf("transport: DialTimeout is %v; up to 1s is allowed", o.DialTimeout)
	case o.BackoffMax < 0 || o.BackoffMax > time.Second:
		return fmt.Errorf("transport: BackoffMax is %v; up to 1s is allowed", o.BackoffMax)
	case o.QueueLimit < 0 || o.ReceiveLimit < 0:
		return fmt.Errorf("transport: QueueLimit is %d, ReceiveLimit is %d; neither may be negative", o.QueueLimit, o.ReceiveLimit)
	case o.MaxFrame < 0 || o.MaxFrame > 1<<30:
		return fmt.Errorf("transport: MaxFrame is %d; up to %d bytes are allowed", o.MaxFrame, 1<<30)
	}
	if _, anonymous := o.Peers[core.None]; anonymous {
		return fmt.Errorf("transport: a peer has ID zero; member IDs start at 1")
	}
	return nil
}

// withDefaults fills in what was left zero.
func (o Options) withDefaults() Options {
	o.DialTimeout = cmp.Or(o.DialTimeout, 500*time.Millisecond)
	o.BackoffMax = cmp.Or(o.BackoffMax, 500*time.Millisecond)
	o.QueueLimit = cmp.Or(o.QueueLimit, 1024)
	o.ReceiveLimit = cmp.Or(o.ReceiveLimit, 4096)
	o.MaxFrame = cmp.Or(o.MaxFrame, DefaultMaxFrame)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
