package raft_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"partita/raft"
	"partita/raft/core"
	"partita/raft/wal"
)

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

// Three members in one process, each with a log on disk. A command proposed
// at one of them is applied by all. Over a real network, transport.New takes
// the place of wire.
func Example() {
	dir, err := os.MkdirTemp("", "raft-example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	voters := []core.NodeID{1, 2, 3}
	net := wires{}
	for _, id := range voters {
		net[id] = make(chan core.Envelope, 1000)
	}
	var members []*raft.Raft
	var applied []chan raft.ApplyMsg
	for _, id := range voters {
		log, err := wal.Open(wal.OS{}, filepath.Join(dir, fmt.Sprint(id)), wal.Options{})
		if err != nil {
			fmt.Println(err)
			return
		}
		cfg := raft.DefaultConfig(id, voters)
		cfg.ElectionJitter = 100 * time.Millisecond
		ch := make(chan raft.ApplyMsg, 10)
		r, err := raft.Make(cfg, log, wire{net, id}, ch)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer r.Stop()
		members, applied = append(members, r), append(applied, ch)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	at, err := propose(ctx, members[0], []byte("hello"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range members {
		for entry := range entries(applied[i]) {
			if entry.Index == at.Index && entry.Term == at.Term {
				fmt.Printf("member %d applied %q\n", i+1, entry.Data)
				break
			}
		}
	}
	// Output:
	// member 1 applied "hello"
	// member 2 applied "hello"
	// member 3 applied "hello"
}

// propose tries again as long as it is certain that nothing happened.
func propose(ctx context.Context, r *raft.Raft, command []byte) (raft.Accepted, error) {
	for {
		at, err := r.Propose(ctx, command)
		if err == nil || !raft.Definite(err) {
			return at, err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return at, ctx.Err()
		}
	}
}

// entries gives the committed entries one at a time.
func entries(applied <-chan raft.ApplyMsg) func(yield func(core.Entry) bool) {
	return func(yield func(core.Entry) bool) {
		for msg := range applied {
			for _, e := range msg.Entries {
				if !yield(e) {
					return
				}
			}
		}
	}
}
