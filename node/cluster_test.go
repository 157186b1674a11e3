package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"partita/node/api"
)

// patience is how long a cluster on a busy machine may take for anything.
const patience = 20 * time.Second

// testCluster is nodes as child processes on loopback.
type testCluster struct {
	t       *testing.T
	env     []string
	args    []string // of every node, besides the usual
	dir     string
	addrs   []string // clients' addresses
	peers   []string // name=address
	clients []*api.Client
	nodes   []*child
}

// child is a node's process and what it logged.
type child struct {
	cmd *exec.Cmd
	mu  sync.Mutex
	log bytes.Buffer
}

// Write takes a part of the log.
func (c *child) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.Write(b)
}

func (c *child) logged() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.String()
}

func newCluster(t *testing.T, nodes int, env ...string) *testCluster {
	t.Helper()
	return newClusterOf(t, nodes, nil, env...)
}

// newClusterOf is newCluster with flags for every node.
func newClusterOf(t *testing.T, nodes int, args []string, env ...string) *testCluster {
	t.Helper()
	addrs, err := freeAddrs(2 * nodes)
	if err != nil {
		t.Fatal(err)
	}
	c := &testCluster{t: t, dir: t.TempDir(), addrs: addrs[:nodes], nodes: make([]*child, nodes), env: env, args: args}
	for i, addr := range addrs[nodes:] {
		c.peers = append(c.peers, fmt.Sprintf("n%d=%s", i+1, addr))
	}
	for i := range c.addrs {
		c.clients = append(c.clients, api.NewClient(c.addrs[i]))
		c.start(i)
	}
	t.Cleanup(func() {
		for i := range c.nodes {
			c.clients[i].Close()
			if c.nodes[i] != nil {
				c.kill(i)
			}
		}
	})
	return c
}

func (c *testCluster) data(i int) string { return filepath.Join(c.dir, fmt.Sprintf("n%d", i+1)) }

func (c *testCluster) start(i int) {
	c.t.Helper()
	n := &child{cmd: exec.Command(os.Args[0], append([]string{
		"--name", fmt.Sprintf("n%d", i+1),
		"--peers", strings.Join(c.peers, ","), "--listen-client", c.addrs[i],
		"--listen-peer", strings.TrimPrefix(c.peers[i], fmt.Sprintf("n%d=", i+1)), "--data", c.data(i),
		"--election-timeout", "300ms", "--election-jitter", "150ms", "--heartbeat", "30ms", "--snapshot-every", "50",
	}, c.args...)...)}
	n.cmd.Env = append(append(os.Environ(), asNode+"=1"), c.env...)
	n.cmd.Stderr = n
	if err := n.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.nodes[i] = n
}

// kill is the node's sudden death.
func (c *testCluster) kill(i int) {
	_ = c.nodes[i].cmd.Process.Kill()
	_ = c.nodes[i].cmd.Wait()
	c.nodes[i] = nil
}

// exit waits for a node that ends by itself and gives its exit code and log.
func (c *testCluster) exit(i int) (int, string) {
	n := c.nodes[i]
	c.nodes[i] = nil
	kill := time.AfterFunc(patience, func() { _ = n.cmd.Process.Kill() })
	defer kill.Stop()
	_ = n.cmd.Wait()
	return n.cmd.ProcessState.ExitCode(), n.logged()
}

// do repeats a request until it is answered: for requests that may happen twice.
func (c *testCluster) do(i int, request api.Request) api.Reply {
	c.t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
		var reply api.Reply
		if reply, err = c.clients[i].Do(request, 5*time.Second); err == nil {
			return reply
		}
	}
	c.t.Fatalf("n%d never answered %+v: %v\n%s", i+1, request, err, c.nodes[i].logged())
	return api.Reply{}
}

// again repeats what the leader is asked as long as it is refused, or asked of
// one who is no leader.
func (c *testCluster) again(what string, ask func(leader *api.Client) error) {
	c.t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
		if err = ask(c.clients[c.leader()]); err == nil {
			return
		}
		if !definite(err) {
			break
		}
	}
	c.t.Fatalf("%s: %v", what, err)
}

// leader waits for a node that says it leads.
func (c *testCluster) leader() int {
	c.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
		for i, n := range c.nodes {
			if n == nil {
				continue
			}
			if status, err := c.clients[i].Status(time.Second); err == nil && status.Role == "leader" {
				return i
			}
		}
	}
	c.t.Fatal("no leader")
	return 0
}

func put(key, value string) api.Request { return api.Request{Op: api.Put, Key: key, Value: value} }

func get(key string) api.Request { return api.Request{Op: api.Get, Key: key} }

func TestClusterServesKillsAndRestarts(t *testing.T) {
	c := newCluster(t, 3)
	c.do(0, put("a", "1"))
	for i := range c.nodes { // any node serves any request, and each sees the last write
		if reply := c.do(i, get("a")); reply.Value != fmt.Sprint(i+1) || reply.Node != fmt.Sprintf("n%d", i+1) {
			t.Fatalf("n%d reads %+v", i+1, reply)
		}
		swap := api.Request{Op: api.CAS, Key: "a", Old: fmt.Sprint(i + 1), Value: fmt.Sprint(i + 2)}
		if reply := c.do(i, swap); !reply.Swapped {
			t.Fatalf("n%d does not swap: %+v", i+1, reply)
		}
	}
	old := c.leader()
	c.kill(old)
	begin := time.Now()
	if _, err := c.clients[old].Do(put("a", "no"), 5*time.Second); !definite(err) {
		t.Errorf("a put at a dead node: %v", err)
	}
	next := (old + 1) % 3
	if reply := c.do(next, get("a")); reply.Value != "4" {
		t.Errorf("after the leader's death: %+v", reply)
	}
	t.Logf("served again %v after the leader's death", time.Since(begin).Round(time.Millisecond))
	// More than the log keeps, so that the dead one needs a snapshot.
	for n := range 150 {
		c.do(next, put("b", fmt.Sprint(n)))
	}
	c.start(old)
	if reply := c.do(old, get("b")); reply.Value != "149" {
		t.Errorf("the one that was dead reads %+v", reply)
	}
	for i := range c.nodes {
		c.kill(i)
	}
	for i := range c.nodes {
		c.start(i)
	}
	if a, b := c.do(0, get("a")), c.do(1, get("b")); a.Value != "4" || b.Value != "149" {
		t.Errorf("after all were dead: %+v, %+v", a, b)
	}
	if log := c.nodes[c.leader()].logged(); !strings.Contains(log, `"msg":"`+api.LogChanged+`","role":"leader"`) || !strings.Contains(log, "election won") {
		t.Errorf("the leader's log does not tell of its election:\n%s", log)
	}
}

func definite(err error) bool {
	var e *api.Error
	return errors.As(err, &e) && e.Definite
}

func TestSIGTERMDrains(t *testing.T) {
	c := newCluster(t, 3)
	c.do(0, put("a", "1"))
	for i := range c.nodes {
		if err := c.nodes[i].cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	for i := range c.nodes {
		if code, log := c.exit(i); code != 0 || !strings.Contains(log, `"msg":"stopped"`) {
			t.Errorf("n%d exits with %d:\n%s", i+1, code, log)
		}
	}
}

func TestCorruptLogIsRefused(t *testing.T) {
	c := newCluster(t, 3)
	for n := range 20 {
		c.do(0, put("a", fmt.Sprint(n)))
	}
	c.kill(0)
	files, err := filepath.Glob(filepath.Join(c.data(0), "*"))
	if err != nil {
		t.Fatal(err)
	}
	var name string
	var content []byte
	for _, file := range files {
		if b, err := os.ReadFile(file); err == nil && len(b) > len(content) {
			name, content = file, b
		}
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	c.start(0)
	code, log := c.exit(0)
	if code != 3 || !strings.Contains(log, filepath.Base(name)) || !strings.Contains(log, "offset") {
		t.Errorf("exit code %d, with %s flipped:\n%s", code, name, log)
	}
}

func TestStorageFailureEndsTheNode(t *testing.T) {
	c := newCluster(t, 1, fileLimit+"=16384")
	c.do(0, put("a", "1"))
	var err error
	for range 5 {
		if _, err = c.clients[0].Do(put("a", strings.Repeat("x", 5000)), 5*time.Second); err != nil {
			break
		}
	}
	if err == nil || definite(err) {
		t.Errorf("the write that failed on disk: %v", err)
	}
	if code, log := c.exit(0); code != 3 || !strings.Contains(log, "file too large") {
		t.Errorf("exit code %d:\n%s", code, log)
	}
}
