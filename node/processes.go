package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"partita/node/api"
)

// Bounds of what is waited for of child processes.
const (
	processStart = 15 * time.Second // from a process to a node that serves
	processStop  = 5 * time.Second  // from SIGTERM to a node's end
)

// processes is a cluster of child processes on loopback, each with a log of its
// own below dir.
type processes struct {
	self   string // this program
	dir    string
	flags  []string // of every node, beside its name and addresses
	stderr io.Writer
	peers  string
	nodes  []*process
}

// process is one node.
type process struct {
	name   string
	client string // host:port of its HTTP interface
	peer   string
	data   string
	cmd    *exec.Cmd // nil while it is stopped
}

// startProcesses starts so many nodes. What it returns is to be stopped, also
// after an error.
func startProcesses(ctx context.Context, nodes int, dir string, stderr io.Writer, flags ...string) (*processes, error) {
	c := &processes{dir: dir, flags: flags, stderr: stderr}
	self, err := os.Executable()
	if err != nil {
		return c, fmt.Errorf("find this program: %w", err)
	}
	c.self = self
	addrs, err := freeAddrs(2 * nodes)
	if err != nil {
		return c, err
	}
	var peers []string
	for i := range nodes {
		name := fmt.Sprintf("n%d", i+1)
		c.nodes = append(c.nodes, &process{name: name, client: addrs[i], peer: addrs[nodes+i], data: dir + "/" + name})
		peers = append(peers, name+"="+addrs[nodes+i])
	}
	c.peers = strings.Join(peers, ",")
	for _, n := range c.nodes {
		if err := c.start(ctx, n); err != nil {
			return c, err
		}
	}
	return c, nil
}

// start starts one node.
func (c *processes) start(ctx context.Context, n *process) error {
	args := append([]string{
		"--name", n.name, "--peers", c.peers, "--listen-client", n.client, "--listen-peer", n.peer, "--data", n.data,
	}, c.flags...)
	cmd := exec.CommandContext(ctx, c.self, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = processStop
	cmd.Stderr = &complaints{out: c.stderr}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start node %s: %w", n.name, err)
	}
	n.cmd = cmd
	return nil
}

// stop ends one node and waits for it.
func (n *process) stop() error {
	if n.cmd == nil {
		return nil
	}
	cmd := n.cmd
	n.cmd = nil
	_ = cmd.Process.Signal(syscall.SIGTERM) // one that has ended needs none
	kill := time.AfterFunc(processStop, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	if err := cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("node %s: %w", n.name, err)
	}
	return nil
}

// stop ends all nodes and waits for them.
func (c *processes) stop() error {
	for _, n := range c.nodes {
		if n.cmd != nil {
			_ = n.cmd.Process.Signal(syscall.SIGTERM) // all at once: they need not follow each other's end
		}
	}
	var errs []error
	for _, n := range c.nodes {
		errs = append(errs, n.stop())
	}
	return errors.Join(errs...)
}

// complaints lets only the log lines through that tell of an error.
type complaints struct{ out io.Writer }

// Write passes on the lines that count.
func (c *complaints) Write(lines []byte) (int, error) {
	for line := range strings.Lines(string(lines)) {
		if strings.Contains(line, `"level":"ERROR"`) || !strings.HasPrefix(line, "{") {
			_, _ = io.WriteString(c.out, line)
		}
	}
	return len(lines), nil
}

// addrs lists the HTTP addresses of all nodes but one, or of all.
func (c *processes) addrs(but *process) []string {
	var all []string
	for _, n := range c.nodes {
		if n != but {
			all = append(all, n.client)
		}
	}
	return all
}

// await waits until every node has served a write, and gives the leader.
func (c *processes) await(ctx context.Context) (leader *process, err error) {
	deadline := time.Now().Add(processStart)
	for _, n := range c.nodes {
		client := api.NewClient(n.client)
		defer client.Close()
		for {
			_, err := client.Do(api.Request{Op: api.Put, Key: "ready"}, time.Second)
			if err == nil {
				break
			}
			if ctx.Err() != nil || time.Now().After(deadline) {
				return nil, fmt.Errorf("node %s does not serve: %w", n.name, err)
			}
			wait(ctx, 20*time.Millisecond)
		}
	}
	for _, n := range c.nodes {
		if s, err := n.status(); err == nil && s.Role == "leader" {
			leader = n
		}
	}
	if leader == nil {
		return nil, errors.New("no node says that it leads")
	}
	return leader, nil
}

// status asks a node for its own.
func (n *process) status() (api.Status, error) {
	client := api.NewClient(n.client)
	defer client.Close()
	return client.Status(time.Second)
}

// wait waits, but not beyond the end of ctx.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// freeAddrs finds loopback addresses that nobody listens on.
func freeAddrs(n int) ([]string, error) {
	addrs := make([]string, n)
	for i := range addrs {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close()
		addrs[i] = listener.Addr().String()
	}
	return addrs, nil
}
