package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"partita/raft/core"
)

// inboundKey names an inbound stream; there is one connection of each.
type inboundKey struct {
	from   core.NodeID
	stream stream
}

const (
	// spareInbound is how many connections are tolerated beyond four a peer.
	spareInbound = 16

	// readBytes is the size of the buffer between a socket and the frames.
	readBytes = 64 << 10
)

// accept serves connections until the listener is closed.
func (t *TCP) accept(ctx context.Context) {
	for {
		conn, err := t.listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return
		}
		if err != nil {
			// Out of descriptors, most likely: better slow than gone.
			t.opts.Logger.Error("accept a peer", "error", err)
			if errors.Is(err, net.ErrClosed) || !pause(ctx, backoffFirst) {
				return
			}
			continue
		}
		if !t.admit() {
			t.refuse(conn, errors.New("transport: too many connections"))
			conn.Close()
			continue
		}
		t.wait.Go(func() {
			defer t.leave()
			defer conn.Close()
			release := context.AfterFunc(ctx, func() { conn.Close() })
			defer release()
			if err := t.serve(ctx, conn); err != nil && ctx.Err() == nil {
				t.refuse(conn, err)
			}
		})
	}
}

// admit counts a connection in, unless there are too many.
func (t *TCP) admit() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.active >= 4*len(t.peers)+spareInbound {
		return false
	}
	t.active++
	return true
}

func (t *TCP) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active--
}

func (t *TCP) refuse(conn net.Conn, err error) {
	t.refused.Add(1)
	t.opts.Logger.Warn("connection refused", "remote", conn.RemoteAddr().String(), "error", err)
}

// serve reads one connection to its end. An error means that the other side
// said something wrong; a connection that merely broke is no error.
func (t *TCP) serve(ctx context.Context, conn net.Conn) error {
	if err := conn.SetReadDeadline(time.Now().Add(t.opts.DialTimeout)); err != nil {
		return nil // broken already
	}
	r := bufio.NewReaderSize(conn, readBytes)
	h, err := readHello(r)
	if err != nil {
		return err
	}
	p := t.peers[h.from]
	switch {
	case h.cluster != t.opts.Cluster:
		return fmt.Errorf("%w: cluster %x, this is %x (another cluster, or one set up otherwise)", errHello, h.cluster, t.opts.Cluster)
	case h.to != t.opts.Self:
		return fmt.Errorf("%w: for member %d, this is %d", errHello, h.to, t.opts.Self)
	case p == nil:
		return fmt.Errorf("%w: from member %d, who is no peer", errHello, h.from)
	}
	key := inboundKey{h.from, h.stream}
	t.register(key, conn)
	defer t.unregister(key, conn)
	p.greet()
	err = t.read(ctx, conn, r, p, h)
	if isRefusal(err) {
		return err
	}
	return nil
}

// register makes a connection the one of its stream, and closes the one
// before: its peer has given it up.
func (t *TCP) register(key inboundKey, conn net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.open[key]; old != nil {
		old.Close()
	}
	t.open[key] = conn
}

func (t *TCP) unregister(key inboundKey, conn net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[key] == conn {
		delete(t.open, key)
	}
}

// read delivers frames until the connection ends. Between frames a peer may
// be silent for as long as it likes; within one it has PeerSilence for each part.
func (t *TCP) read(ctx context.Context, conn net.Conn, r io.Reader, p *peer, h hello) error {
	moving := func() error { return conn.SetReadDeadline(time.Now().Add(t.opts.PeerSilence)) }
	for {
		if err := conn.SetReadDeadline(time.Time{}); err != nil {
			return err
		}
		payload, err := readFrame(r, t.opts.MaxFrame, moving)
		if err != nil {
			return err
		}
		e, err := Decode(payload)
		if err != nil {
			return err
		}
		if e.From != h.from || e.To != h.to {
			return fmt.Errorf("%w: from %d to %d on a connection from %d to %d", ErrMalformed, e.From, e.To, h.from, h.to)
		}
		p.received.Add(1)
		p.receivedBytes.Add(uint64(len(payload) + frameHeadBytes))
		select {
		case t.inbound <- e:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// isRefusal tells what the other side said wrong from what the network did.
func isRefusal(err error) bool {
	return errors.Is(err, errTooLong) || errors.Is(err, errChecksum) || errors.Is(err, ErrMalformed)
}

// pause waits, and says whether it could wait to the end.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
