package transport

import (
	"context"
	"net"
	"time"

	"partita/raft/core"
)

const (
	// chunkLimit is how many pieces of snapshots may wait for one peer. A leader
	// sends the next when it hears of the one before, so more are repeats.
	chunkLimit = 4

	// chunkIdle is how long the connection for pieces of snapshots stays open
	// with nothing to carry.
	chunkIdle = 5 * time.Second
)

// runChunks sends pieces of snapshots over a connection of their own, which is
// opened for the first and closed when no more come. What breaks or cannot be
// opened takes the waiting ones with it: the leader sends them again when it
// sees the need.
func (p *peer) runChunks(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-p.chunks:
			err := p.carryChunks(ctx, first)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				p.opts.Logger.Warn("connection for a snapshot lost", "peer", p.id, "addr", p.addr, "error", err)
				p.discard(p.chunks)
			}
		}
	}
}

func (p *peer) carryChunks(ctx context.Context, first core.Envelope) error {
	conn, err := p.dial(ctx, chunkStream)
	if err != nil {
		p.dropped.Add(1)
		return err
	}
	return p.streamChunks(ctx, conn, first)
}

// streamChunks writes the first piece and those that follow until none has come
// for chunkIdle, which is no error.
func (p *peer) streamChunks(ctx context.Context, conn net.Conn, first core.Envelope) error {
	return p.stream(ctx, conn, func(broken <-chan error) (error, bool) {
		var buffer []byte
		if err := p.carry(conn, &buffer, first, p.chunks); err != nil {
			return err, false
		}
		idle := time.NewTimer(chunkIdle)
		defer idle.Stop()
		return p.pump(conn, broken, p.chunks, idle)
	})
}
