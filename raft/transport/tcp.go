package transport

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"partita/raft/core"
)

// TCP is one member's end of the network. It implements raft.Transport.
type TCP struct {
	opts     Options
	listener net.Listener
	peers    map[core.NodeID]*peer
	inbound  chan core.Envelope
	refused  atomic.Uint64

	cancel context.CancelFunc
	wait   sync.WaitGroup

	mu     sync.Mutex
	open   map[inboundKey]net.Conn // the present inbound connection of each stream
	active int                     // inbound connections, also those before their hello
}

// Counters counts since New. Refused is how many inbound connections were
// closed because of what they said, or because there were too many.
type Counters struct {
	Refused uint64
	Peers   []PeerCounters // in order of ID
}

// PeerCounters counts the messages and bytes of one peer. Dropped are
// messages that were to be sent and never were: the queue was full, the
// connection broke, or they were longer than allowed.
type PeerCounters struct {
	ID        core.NodeID
	Connected bool // the ordinary stream to the peer is open

	Sent, SentBytes         uint64
	Received, ReceivedBytes uint64
	Dropped                 uint64
	Redials                 uint64 // attempts to connect beyond the first
}

// New listens, and begins to connect to every peer.
func New(opts Options) (*TCP, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	listener := opts.Listener
	if listener == nil {
		var err error
		if listener, err = net.Listen("tcp", opts.Listen); err != nil {
			return nil, fmt.Errorf("transport: listen for peers: %w", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	t := &TCP{
		opts:     opts,
		listener: listener,
		peers:    make(map[core.NodeID]*peer),
		inbound:  make(chan core.Envelope, opts.ReceiveLimit),
		cancel:   cancel,
		open:     make(map[inboundKey]net.Conn),
	}
	for _, id := range slices.Sorted(maps.Keys(opts.Peers)) {
		if id == opts.Self {
			continue
		}
		p := newPeer(opts, id)
		t.peers[id] = p
		t.wait.Go(func() { p.runOrdinary(ctx) })
		t.wait.Go(func() { p.runChunks(ctx) })
	}
	t.wait.Go(func() { t.accept(ctx) })
	return t, nil
}

// Send queues a message for Envelope.To and never blocks. When the queue is
// full, or nobody of that name is known, the message is lost. Data of the
// message must not be changed afterwards.
func (t *TCP) Send(e core.Envelope) {
	if p := t.peers[e.To]; p != nil {
		p.send(e)
	}
}

// Receive gives the messages of all peers, each peer's in the order in which
// it sent them. The channel is never closed.
func (t *TCP) Receive() <-chan core.Envelope { return t.inbound }

// Addr is where it listens.
func (t *TCP) Addr() net.Addr { return t.listener.Addr() }

// Counters reads the counters.
func (t *TCP) Counters() Counters {
	c := Counters{Refused: t.refused.Load()}
	for _, id := range slices.Sorted(maps.Keys(t.peers)) {
		c.Peers = append(c.Peers, t.peers[id].counters())
	}
	return c
}

// Close closes every connection and waits for all goroutines. What is queued
// is lost. Calling it again does nothing.
func (t *TCP) Close() error {
	t.cancel()
	t.listener.Close() // accept reports nothing once cancelled, and a second Close is harmless
	t.wait.Wait()
	return nil
}
