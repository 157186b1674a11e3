package raft_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"partita/raft"
	"partita/raft/core"
	"partita/raft/wal"
)

// Three members in one process, each with a log on disk and a map as its
// state machine. What is written at one of them is read at all. Over a real
// network, transport.New takes the place of wire.
func Example() {
	within(3, func(ctx context.Context, c *group) error {
		if err := c.servers[1].put(ctx, "colour", "blue"); err != nil {
			return err
		}
		for id := core.NodeID(1); id <= 3; id++ {
			value, err := c.servers[id].get(ctx, "colour")
			if err != nil {
				return err
			}
			fmt.Printf("member %d reads %s\n", id, value)
		}
		return nil
	})
	// Output:
	// member 1 reads blue
	// member 2 reads blue
	// member 3 reads blue
}

// server is a member and its state machine.
type server struct {
	*raft.Raft
	applying sync.WaitGroup

	mu       sync.Mutex
	values   map[string]string
	restored int // how many values a snapshot brought
	applied  core.Index
	terms    map[core.Index]core.Term // of what was applied; a service keeps those that somebody waits for
	moved    chan struct{}            // closed, and replaced, when something was applied
}

// snapshotEvery is how many entries a server lets the log grow by.
const snapshotEvery = 100

// apply does what comes through the apply channel.
func (s *server) apply(msg raft.ApplyMsg) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if msg.Snapshot != nil {
		s.values = map[string]string{}
		if err := json.Unmarshal(msg.Snapshot.Data, &s.values); err != nil {
			return err
		}
		s.restored, s.applied = len(s.values), msg.Snapshot.Meta.Index
	}
	for _, e := range msg.Entries {
		if e.Kind == core.Command {
			key, value, _ := strings.Cut(string(e.Data), "=")
			s.values[key] = value
		}
		s.applied, s.terms[e.Index] = e.Index, e.Term
		if e.Index%snapshotEvery == 0 {
			data, err := json.Marshal(s.values)
			if err != nil {
				return err
			}
			if err := s.Snapshot(e.Index, data); err != nil && !errors.Is(err, raft.ErrOverloaded) {
				return err
			}
		}
	}
	close(s.moved)
	s.moved = make(chan struct{})
	return nil
}

// await waits until an index has been applied, and gives the term of its
// entry: zero if a snapshot covered it, so that nobody here knows.
func (s *server) await(ctx context.Context, index core.Index) (core.Term, error) {
	for {
		s.mu.Lock()
		reached, term, moved := s.applied >= index, s.terms[index], s.moved
		s.mu.Unlock()
		if reached {
			return term, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// put writes. It tries again as long as it is certain that nothing happened.
func (s *server) put(ctx context.Context, key, value string) error {
	return again(ctx, func() error {
		at, err := s.Propose(ctx, []byte(key+"="+value))
		if err != nil {
			return err
		}
		switch term, err := s.await(ctx, at.Index); {
		case err != nil:
			return err
		case term == 0:
			return raft.ErrLost // in the snapshot or not
		case term != at.Term:
			return raft.ErrNotAccepted // another entry took its place: definite
		}
		return nil
	})
}

// get reads linearizably, on any member.
func (s *server) get(ctx context.Context, key string) (value string, err error) {
	err = again(ctx, func() error {
		index, err := s.ReadIndex(ctx)
		if err != nil {
			return err
		}
		if _, err := s.await(ctx, index); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		value = s.values[key]
		return nil
	})
	return value, err
}

// again calls a function until it succeeds, as long as its errors say that
// nothing happened and that it is worth another try.
func again(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil || !raft.Definite(err) || errors.Is(err, raft.ErrTooLarge) || errors.Is(err, raft.ErrBadChange) {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%w; the last: %w", ctx.Err(), err)
		}
	}
}

// group is servers in one process.
type group struct {
	dir     string // of their logs
	wires   wires
	servers map[core.NodeID]*server
	config  func(*raft.Config)
}

// start starts a server of a cluster that begins with some voters; without
// any, one that waits to be added.
func (c *group) start(id core.NodeID, voters ...core.NodeID) error {
	log, err := wal.Open(wal.OS{}, filepath.Join(c.dir, fmt.Sprint(id)), wal.Options{})
	if err != nil {
		return err
	}
	cfg := raft.DefaultConfig(id, voters)
	cfg.ElectionJitter, cfg.CompactTail = 100*time.Millisecond, 10
	if c.config != nil {
		c.config(&cfg)
	}
	applied := make(chan raft.ApplyMsg, 10)
	s := &server{values: map[string]string{}, terms: map[core.Index]core.Term{}, moved: make(chan struct{})}
	if s.Raft, err = raft.Make(cfg, log, wire{c.wires, id}, applied); err != nil {
		return err
	}
	s.applying.Go(func() {
		for msg := range applied {
			if err := s.apply(msg); err != nil {
				fmt.Println(err)
			}
		}
	})
	c.servers[id] = s
	return nil
}

func (c *group) stop(id core.NodeID) {
	c.servers[id].Stop()
	c.servers[id].applying.Wait()
	delete(c.servers, id)
}

// leader waits until a server leads.
func (c *group) leader(ctx context.Context) (found *server, err error) {
	err = again(ctx, func() error {
		for _, s := range c.servers {
			if _, leads := s.GetState(); leads {
				found = s
				return nil
			}
		}
		return raft.ErrNoLeader
	})
	return found, err
}

// within starts a cluster, does something and prints its error, if any.
func within(voters int, do func(context.Context, *group) error, options ...func(*raft.Config)) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "raft-example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	c := &group{dir: dir, wires: wires{}, servers: map[core.NodeID]*server{}}
	for _, option := range options {
		c.config = option
	}
	defer func() {
		for id := range c.servers {
			c.stop(id)
		}
	}()
	var names []core.NodeID
	for id := core.NodeID(1); id <= 5; id++ { // all who may ever be members
		c.wires[id] = make(chan core.Envelope, 1000)
		if int(id) <= voters {
			names = append(names, id)
		}
	}
	for _, id := range names {
		if err := c.start(id, names...); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := do(ctx, c); err != nil {
		fmt.Println(err)
	}
}

// wires is a network in memory: an inbox a member.
type wires map[core.NodeID]chan core.Envelope

// wire is one member's end of it.
type wire struct {
	wires wires
	self  core.NodeID
}

func (w wire) Send(e core.Envelope) {
	select {
	case w.wires[e.To] <- e:
	default: // full: lost, as a network may lose it
	}
}
func (w wire) Receive() <-chan core.Envelope { return w.wires[w.self] }
func (w wire) Close() error                  { return nil }
