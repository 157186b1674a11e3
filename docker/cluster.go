package docker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"

	"partita/harness/cluster"
)

// How long things may take.
const (
	makeTimeout  = 60 * time.Second // one call that makes something
	readyTimeout = 30 * time.Second // a container until its agent answers
	callTimeout  = 30 * time.Second // a command to an agent whose caller set no deadline
	closeTimeout = 60 * time.Second
	readyPoll    = 5 * time.Millisecond
)

// Cluster is a running set of containers. It is a cluster.Cluster.
type Cluster struct {
	engine *client.Client
	spec   Spec
	http   *http.Client

	mu    sync.Mutex // guards nodes; never held over a call
	nodes []cluster.Node

	closing sync.Mutex // held by the Close that removes, so that another waits for it
	closed  bool
}

var _ cluster.Cluster = (*Cluster)(nil)

// Start makes a cluster and waits until every agent answers. After an error
// nothing is left. The caller holds the lock of the run's folder, or a sweep
// may take the cluster away.
func Start(ctx context.Context, spec Spec) (*Cluster, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	load, err := spec.payload()
	if err != nil {
		return nil, err
	}
	engine, err := connect()
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		engine: engine, spec: spec, nodes: make([]cluster.Node, spec.Nodes),
		// A transport of its own, without a proxy: agents are on this machine.
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}},
	}
	if err := c.start(ctx, load); err != nil {
		return nil, errors.Join(err, c.Close(ctx))
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, load payload) error {
	in, err := makeNetwork(ctx, c.engine, c.spec)
	if err != nil {
		return err
	}
	hosts := map[string]string{}
	for i, name := range c.spec.names() {
		hosts[name] = address(in, i+1).String()
	}
	group, ctx := errgroup.WithContext(ctx)
	for i, name := range c.spec.names() {
		group.Go(func() error {
			if err := c.create(ctx, name, hosts, load); err != nil {
				return fmt.Errorf("docker: node %s: %w", name, err)
			}
			if err := c.bringUp(ctx, i, name); err != nil {
				return fmt.Errorf("docker: node %s: %w", name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// Nodes lists where the nodes can be reached now: a node that was restarted
// has other ports.
func (c *Cluster) Nodes() []cluster.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]cluster.Node(nil), c.nodes...)
}

// Kill loses a machine: its container is killed with everything in it. Its
// volume stays, as a disk would. It returns when the container has ended.
func (c *Cluster) Kill(ctx context.Context, node string) error {
	if _, err := c.find(node); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, makeTimeout)
	defer cancel()
	if err := c.engine.ContainerKill(ctx, c.spec.name(node), "KILL"); err != nil {
		return fmt.Errorf("docker: kill %s: %w", node, err)
	}
	ended, failed := c.engine.ContainerWait(ctx, c.spec.name(node), container.WaitConditionNotRunning)
	select {
	case <-ended:
		return nil
	case err := <-failed:
		return fmt.Errorf("docker: kill %s: wait for its end: %w", node, err)
	}
}

// Restart starts a machine that was killed and waits for its agent. Its
// address is the same, its published ports are others.
func (c *Cluster) Restart(ctx context.Context, node string) error {
	i, err := c.find(node)
	if err != nil {
		return err
	}
	if err := c.bringUp(ctx, i, node); err != nil {
		return fmt.Errorf("docker: restart %s: %w", node, err)
	}
	return nil
}

// find gives a node's place in the list.
func (c *Cluster) find(node string) (int, error) {
	for i, name := range c.spec.names() {
		if name == node {
			return i, nil
		}
	}
	return 0, fmt.Errorf("docker: no node %q among %v", node, c.spec.names())
}

// Close removes containers, volumes and network. It has a deadline of its own
// and works when ctx is cancelled. After a success it does nothing; after a
// failure another call tries again.
func (c *Cluster) Close(ctx context.Context) error {
	c.closing.Lock()
	defer c.closing.Unlock()
	if c.closed {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	c.http.CloseIdleConnections()
	if err := remove(ctx, c.engine, c.spec.RunID, c.spec.Folder); err != nil {
		return err
	}
	c.closed = true
	return c.engine.Close()
}
