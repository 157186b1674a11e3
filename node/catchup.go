package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"partita/node/api"
)

// silence is how long a follower is away at least. A leader keeps its log for
// one that answered within the last two election timeouts.
const silence = 4 * time.Second

// catchUpWithin bounds how long a node may take to come back.
const catchUpWithin = 2 * time.Minute

// catchUp measures puts, stops a follower, lets the others write what their
// logs do not keep for it, starts it again and measures puts until it has
// everything. All clients ask the nodes that go on, so that what changes is
// the cluster's and not the clients'. It is an error if that took an election,
// or no snapshot.
func catchUp(ctx context.Context, o benchOptions, c *processes, put api.Request, stdout io.Writer) error {
	lead, err := c.await(ctx)
	if err != nil {
		return err
	}
	away := c.nodes[0]
	if away == lead {
		away = c.nodes[1]
	}
	load := load{clients: o.clients, keys: o.keys, addrs: c.addrs(away)}
	before := load.measure(ctx, "before", put, lasting(o.time))
	fmt.Fprintln(stdout, before)
	term, err := c.term(away)
	if err != nil {
		return err
	}
	if err := away.stop(); err != nil {
		return err
	}
	var written atomic.Int64
	since := time.Now()
	without := load.measure(ctx, "without "+away.name, put, func() bool {
		return written.Add(1) <= int64(o.entries) || time.Since(since) < silence
	})
	fmt.Fprintf(stdout, "%v  %d entries\n", without, without.latency.TotalCount())
	sent, err := c.sent(ctx, away)
	if err != nil {
		return err
	}

	began := time.Now()
	if err := c.start(ctx, away); err != nil {
		return err
	}
	watched, stop := context.WithTimeout(ctx, catchUpWithin)
	defer stop()
	back := make(chan error, 1)
	done := make(chan struct{})
	var took time.Duration
	go func() {
		defer close(done)
		back <- c.untilBack(watched, away)
		took = time.Since(began)
	}()
	during := load.measure(ctx, "while it catches up", put, func() bool {
		select {
		case <-done:
			return false
		default:
			return true
		}
	})
	<-done
	fmt.Fprintln(stdout, during)
	if err := <-back; err != nil {
		return err
	}
	fmt.Fprintln(stdout, load.measure(ctx, "after", put, lasting(o.time)))
	return c.tell(ctx, stdout, away, comeback{before: before, during: during, took: took, sent: sent, term: term})
}

// comeback is what is said of a node that came back.
type comeback struct {
	before, during *figures
	took           time.Duration
	sent           pieces
	term           uint64
}

// tell says how a node came back, and what was wrong with that.
func (c *processes) tell(ctx context.Context, stdout io.Writer, away *process, b comeback) error {
	sent, err := c.sent(ctx, away)
	if err != nil {
		return err
	}
	term, err := c.term(nil)
	if err != nil {
		return err
	}
	own, err := scrape(ctx, away.client)
	if err != nil {
		return err
	}
	installed := own["partita_raft_snapshots_installed_total"]
	fmt.Fprintf(stdout, "%s was back after %.2f s: %.0f snapshots installed, of %.1f MB in %.0f chunks; elections: %d\n",
		away.name, b.took.Seconds(), installed, (sent.bytes-b.sent.bytes)/1e6, sent.chunks-b.sent.chunks, term-b.term)
	fmt.Fprintf(stdout, "meanwhile %.0f %% of the throughput before, and %.2f times its p99\n",
		100*b.during.rate()/b.before.rate(), b.during.p99()/b.before.p99())
	switch {
	case term != b.term:
		return fmt.Errorf("%d elections while a follower was away and came back; want none", term-b.term)
	case installed == 0:
		return errors.New("no snapshot was installed: the follower came back by the log alone; raise --entries")
	}
	return nil
}

// pieces are what nodes have sent of snapshots since they started.
type pieces struct{ chunks, bytes float64 }

// sent adds up what all nodes but one have sent.
func (c *processes) sent(ctx context.Context, but *process) (pieces, error) {
	var p pieces
	for _, addr := range c.addrs(but) {
		all, err := scrape(ctx, addr)
		if err != nil {
			return pieces{}, err
		}
		p.chunks += all["partita_raft_chunks_sent_total"]
		p.bytes += all["partita_raft_chunk_bytes_sent_total"]
	}
	return p, nil
}

// term is the highest term of all nodes but one, or of all.
func (c *processes) term(but *process) (uint64, error) {
	var highest uint64
	for _, n := range c.nodes {
		if n == but {
			continue
		}
		s, err := n.status()
		if err != nil {
			return 0, fmt.Errorf("ask %s for its term: %w", n.name, err)
		}
		highest = max(highest, s.Term)
	}
	return highest, nil
}

// untilBack waits until a node has applied what the others had committed just
// before.
func (c *processes) untilBack(ctx context.Context, n *process) error {
	for {
		var commit uint64
		for _, other := range c.nodes {
			if s, err := other.status(); err == nil && other != n {
				commit = max(commit, s.Commit)
			}
		}
		s, err := n.status()
		if err == nil && commit > 0 && s.Applied >= commit {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s is not back after %v: it has applied %d of %d", n.name, catchUpWithin, s.Applied, commit)
		}
		wait(ctx, 10*time.Millisecond)
	}
}
