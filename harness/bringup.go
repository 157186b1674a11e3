package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"partita/docker"
	"partita/harness/catalogue"
	"partita/harness/cluster"
	"partita/nemesis/wire"
)

// binaries finds the node and the agent beside this program, or builds the
// node with the bug.
func (x *execution) binaries(ctx context.Context) (node, agent string, done func(), err error) {
	exe, err := os.Executable()
	if err != nil {
		return "", "", nil, fmt.Errorf("finding this program: %w", err)
	}
	dir := filepath.Dir(exe)
	node, agent = filepath.Join(dir, "node"), filepath.Join(dir, "agent")
	for _, path := range []string{node, agent} {
		if _, err := os.Stat(path); err != nil {
			return "", "", nil, fmt.Errorf("%w (make build makes it)", err)
		}
	}
	if x.flags.bug == "" {
		return node, agent, func() {}, nil
	}
	root, bug, err := findBug(x.flags.bug)
	if err != nil {
		return "", "", nil, err
	}
	// In the run's folder, so that a killed harness leaves nothing elsewhere.
	node = x.run.Path("node-with-bug")
	done = func() { os.Remove(node) }
	if err := catalogue.Build(ctx, root, &bug, "./node", node); err != nil {
		done()
		return "", "", nil, err
	}
	return node, agent, done, nil
}

// bringUp starts the containers and their nodes and waits for a leader.
func (x *execution) bringUp(ctx context.Context, image, node, agent string) error {
	secret := make([]byte, 16)
	rand.Read(secret)
	s := x.scenario
	c, err := docker.Start(ctx, docker.Spec{
		RunID:  hex.EncodeToString(secret[:4]),
		Folder: x.run.Dir,
		Nodes:  s.Nodes, Image: image, AgentBinary: agent, NodeBinary: node,
		Command: func(name string, peers map[string]string) []string {
			return append(nodeCommand(name, peers, s.Seed), s.NodeFlags()...)
		},
		Token:  hex.EncodeToString(secret[4:]),
		Clocks: s.Clocks(), Capabilities: s.Capabilities(),
	})
	if err != nil {
		return err
	}
	x.cluster = c
	start, err := cluster.Begin()
	if err != nil {
		return err
	}
	w := cluster.NewMachines(ctx, c, start)
	var all []cluster.Command
	for _, name := range w.Nodes() {
		all = append(all, cluster.Command{Node: name, Path: wire.PathStart})
	}
	for _, a := range w.Agents(all, agentTimeout) {
		if a.Err != nil {
			return a.Err
		}
	}
	for w.Now() < leaderTimeout {
		if _, ok := leaderOf(w); ok {
			return nil
		}
		if err := w.Sleep(20 * time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("no node leads %v after the start; the nodes' logs are in %s", leaderTimeout, x.run.Path("nodes"))
}

// nodeCommand is the part of a node's command line that is not the scenario's.
func nodeCommand(name string, peers map[string]string, seed int64) []string {
	var list []string
	for i := range len(peers) {
		n := docker.NodeName(i + 1)
		list = append(list, n+"="+peers[n])
	}
	return []string{
		"--name", name, "--peers", strings.Join(list, ","), "--data", docker.DataDir, "--seed", fmt.Sprint(seed),
		"--listen-client", fmt.Sprintf(":%d", docker.ClientPort), "--listen-peer", fmt.Sprintf(":%d", docker.PeerPort),
	}
}

// leaderOf asks the nodes who leads.
func leaderOf(w cluster.World) (string, bool) {
	leader, term := "", uint64(0)
	for _, name := range w.Nodes() {
		if s, err := w.Status(name, 300*time.Millisecond); err == nil && s.Role == "leader" && s.Term >= term {
			leader, term = name, s.Term
		}
	}
	return leader, leader != ""
}
