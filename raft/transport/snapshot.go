package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"partita/raft/core"
)

// runSnapshots sends snapshots, each over a connection of its own. One that
// fails is lost: the leader sends another when it sees the need.
func (p *peer) runSnapshots(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-p.snapshots:
			if err := p.sendSnapshot(ctx, e); err != nil {
				p.dropped.Add(1)
				p.opts.Logger.Warn("snapshot not sent", "peer", p.id, "error", err)
			}
		}
	}
}

func (p *peer) sendSnapshot(ctx context.Context, e core.Envelope) error {
	frame, err := appendFrame(nil, e, p.opts.MaxSnapshot)
	if err != nil {
		return err
	}
	conn, err := p.dial(ctx, snapshotStream)
	if err != nil {
		return err
	}
	defer conn.Close()
	release := context.AfterFunc(ctx, func() { conn.Close() })
	defer release()
	if err := p.write(conn, frame); err != nil {
		return fmt.Errorf("transport: write a snapshot to peer %d: %w", p.id, err)
	}
	if err := p.finish(conn); err != nil {
		return fmt.Errorf("transport: end a snapshot to peer %d: %w", p.id, err)
	}
	p.sent.Add(1)
	p.sentBytes.Add(uint64(len(frame)))
	return nil
}

// finish waits until the peer has read everything and closes its end.
func (p *peer) finish(conn net.Conn) error {
	if half, ok := conn.(*net.TCPConn); ok {
		if err := half.CloseWrite(); err != nil {
			return err
		}
	}
	if err := conn.SetReadDeadline(time.Now().Add(p.opts.PeerSilence)); err != nil {
		return err
	}
	if err := awaitEnd(conn); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
