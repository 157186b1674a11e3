package transport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"partita/raft/core"
)

const (
	// writeBytes is about how much is encoded before it is written: many
	// small messages become one write.
	writeBytes = 256 << 10

	backoffFirst = 20 * time.Millisecond
)

var errSpoke = errors.New("transport: the listener spoke on a connection that is the dialler's")

// peer is what goes to one member: an ordinary stream and one for pieces of
// snapshots.
type peer struct {
	opts Options
	id   core.NodeID
	addr string

	// queue holds up to QueueLimit messages; full, the newest is dropped.
	queue chan core.Envelope
	// chunks holds up to chunkLimit pieces of snapshots, and does the same.
	chunks chan core.Envelope
	// greeted has room for one: the peer has just connected to us, so it is
	// there to be dialled.
	greeted chan struct{}

	connected               atomic.Bool
	sent, sentBytes         atomic.Uint64
	received, receivedBytes atomic.Uint64
	dropped, dials          atomic.Uint64
}

func newPeer(opts Options, id core.NodeID) *peer {
	return &peer{
		opts: opts, id: id, addr: opts.Peers[id],
		queue:   make(chan core.Envelope, opts.QueueLimit),
		chunks:  make(chan core.Envelope, chunkLimit),
		greeted: make(chan struct{}, 1),
	}
}

func (p *peer) send(e core.Envelope) {
	queue := p.queue
	if _, ok := e.Message.(core.InstallSnapshot); ok {
		queue = p.chunks
	}
	select {
	case queue <- e:
	default:
		p.dropped.Add(1)
	}
}

func (p *peer) counters() PeerCounters {
	c := PeerCounters{
		ID: p.id, Connected: p.connected.Load(),
		Sent: p.sent.Load(), SentBytes: p.sentBytes.Load(),
		Received: p.received.Load(), ReceivedBytes: p.receivedBytes.Load(),
		Dropped: p.dropped.Load(),
	}
	if dials := p.dials.Load(); dials > 0 {
		c.Redials = dials - 1
	}
	return c
}

// runOrdinary keeps the ordinary stream open until the context ends.
func (p *peer) runOrdinary(ctx context.Context) {
	random := rand.New(rand.NewPCG(p.opts.Seed, uint64(p.opts.Self)<<32^uint64(p.id)))
	backoff := backoffFirst
	for ctx.Err() == nil {
		p.dials.Add(1)
		conn, err := p.dial(ctx, ordinaryStream)
		if err == nil {
			backoff = backoffFirst
			p.opts.Logger.Info("peer connected", "peer", p.id, "addr", p.addr)
			p.connected.Store(true)
			err = p.stream(ctx, conn, func(broken <-chan error) (error, bool) {
				return p.pump(conn, broken, p.queue, nil)
			})
			p.connected.Store(false)
		}
		if ctx.Err() != nil {
			return
		}
		p.opts.Logger.Debug("peer not connected", "peer", p.id, "addr", p.addr, "error", err)
		p.discard(p.queue)
		if !p.rest(ctx, backoff/2+time.Duration(random.Int64N(int64(backoff/2)))) {
			return
		}
		backoff = min(2*backoff, p.opts.BackoffMax)
	}
}

// discard throws away what is queued: it was meant for a connection that is
// no more, or never was.
func (p *peer) discard(queue <-chan core.Envelope) {
	for {
		select {
		case <-queue:
			p.dropped.Add(1)
		default:
			return
		}
	}
}

// dial connects and says hello.
func (p *peer) dial(ctx context.Context, s stream) (net.Conn, error) {
	dialer := net.Dialer{Timeout: p.opts.DialTimeout, Control: userTimeout(p.opts.PeerSilence)}
	conn, err := dialer.DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return nil, fmt.Errorf("transport: dial peer %d: %w", p.id, err)
	}
	greeting := hello{s, p.opts.Cluster, p.opts.Self, p.id}.encode()
	if err := p.write(conn, greeting); err != nil {
		conn.Close()
		return nil, fmt.Errorf("transport: greet peer %d: %w", p.id, err)
	}
	return conn, nil
}

// write writes all of b; every writeBytes of it have PeerSilence to get away.
func (p *peer) write(conn net.Conn, b []byte) error {
	for len(b) > 0 {
		if err := conn.SetWriteDeadline(time.Now().Add(p.opts.PeerSilence)); err != nil {
			return err
		}
		n, err := conn.Write(b[:min(len(b), writeBytes)])
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// stream lets pump write until the connection breaks, the peer closes it, pump
// is done or the context ends, and closes it. Broken tells pump of an end that
// it does not see itself, and whether it took that is what pump returns beside
// its error.
func (p *peer) stream(ctx context.Context, conn net.Conn, pump func(broken <-chan error) (err error, ended bool)) error {
	release := context.AfterFunc(ctx, func() { conn.Close() })
	defer release()
	// A peer that restarts is noticed before the next message is lost to it.
	broken := make(chan error, 1)
	go func() { broken <- awaitEnd(conn) }()
	err, ended := pump(broken)
	conn.Close()
	if !ended {
		<-broken //nolint:errcheck // only its end is waited for
	}
	return err
}

// pump moves messages from a queue to the connection, as many as wait at once,
// until the connection breaks or idle fires. Ended says that what it returns
// came out of broken.
func (p *peer) pump(conn net.Conn, broken <-chan error, queue <-chan core.Envelope, idle *time.Timer) (err error, ended bool) {
	var buffer []byte
	var silence <-chan time.Time
	if idle != nil {
		silence = idle.C
	}
	for {
		select {
		case err := <-broken:
			return fmt.Errorf("transport: peer %d closed the connection: %w", p.id, err), true
		case <-silence:
			return nil, false
		case next := <-queue:
			if err := p.carry(conn, &buffer, next, queue); err != nil {
				return err, false
			}
		}
		if idle != nil {
			idle.Reset(chunkIdle)
		}
	}
}

// carry writes a message and what else waits by then, up to about writeBytes.
func (p *peer) carry(conn net.Conn, buffer *[]byte, next core.Envelope, queue <-chan core.Envelope) error {
	*buffer = (*buffer)[:0]
	count := p.encode(buffer, next)
	for more := true; more && len(*buffer) < writeBytes; {
		select {
		case next = <-queue:
			count += p.encode(buffer, next)
		default:
			more = false
		}
	}
	if err := p.write(conn, *buffer); err != nil {
		p.dropped.Add(count)
		return fmt.Errorf("transport: write to peer %d: %w", p.id, err)
	}
	p.sent.Add(count)
	p.sentBytes.Add(uint64(len(*buffer)))
	if cap(*buffer) > 4*writeBytes {
		*buffer = nil // one long message shall not hold its memory for ever
	}
	return nil
}

// awaitEnd reads from a connection on which the peer has nothing to say. It
// returns io.EOF when the peer has closed it in order, and never nil.
func awaitEnd(conn net.Conn) error {
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		return err
	}
	return errSpoke
}

// encode appends a message to what is to be written, and says how many were:
// none if it is too long.
func (p *peer) encode(buffer *[]byte, e core.Envelope) uint64 {
	longer, err := appendFrame(*buffer, e, p.opts.MaxFrame)
	*buffer = longer
	if err != nil {
		p.dropped.Add(1)
		p.opts.Logger.Error("message dropped", "peer", p.id, "error", err)
		return 0
	}
	return 1
}

// rest waits until it is time to dial again, which it is at once when the
// peer shows up: its messages are about to be answered.
func (p *peer) rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.greeted:
		return true
	case <-ctx.Done():
		return false
	}
}

// greet says that the peer has connected to us.
func (p *peer) greet() {
	select {
	case p.greeted <- struct{}{}:
	default:
	}
}
