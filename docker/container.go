package docker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/docker/go-connections/nat"

	"partita/harness/cluster"
	"partita/nemesis/wire"
)

// alwaysNeeded is what every agent needs to start its child as another user,
// to signal it and to own its data.
var alwaysNeeded = []string{"SETUID", "SETGID", "KILL", "CHOWN"}

// tailBytes bounds how much of a container's output an error message quotes.
const tailBytes = 16 << 10

// create makes a node's container, with its volume, and copies the binaries
// in. What the engine has begun is not called off: it could finish after
// everything was removed, and stay.
func (c *Cluster) create(ctx context.Context, name string, hosts map[string]string, load payload) error {
	archive, err := load.archive(c.spec.agentConfig(name, hosts))
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	making, cancel := context.WithTimeout(context.WithoutCancel(ctx), makeTimeout)
	defer cancel()
	_, err = c.engine.ContainerCreate(making, c.containerConfig(name), c.hostConfig(name),
		&network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
			c.spec.name(""): {IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: hosts[name]}},
		}}, nil, c.spec.name(name))
	if err != nil {
		return fmt.Errorf("make container: %w", err)
	}
	if err := c.engine.CopyToContainer(ctx, c.spec.name(name), "/", archive, container.CopyToContainerOptions{}); err != nil {
		return fmt.Errorf("copy binaries in: %w", err)
	}
	return nil
}

func (c *Cluster) containerConfig(name string) *container.Config {
	return &container.Config{
		Image: c.spec.Image, Hostname: name, Labels: c.spec.labels(name),
		ExposedPorts: nat.PortSet{port(ClientPort): {}, port(agentPort): {}},
		Entrypoint:   []string{agentPath, "--config", configPath},
		StopSignal:   "SIGTERM",
	}
}

// hostConfig gives a container no more of this machine than its agent needs.
// There are no limits of memory or processors: they would starve the agent,
// which has to heal, along with the node.
func (c *Cluster) hostConfig(name string) *container.HostConfig {
	agentIsFirst := false // whatever the engine's default says: no init before it
	loopback := []nat.PortBinding{{HostIP: "127.0.0.1"}}
	return &container.HostConfig{
		PortBindings: nat.PortMap{port(ClientPort): loopback, port(agentPort): loopback},
		CapDrop:      []string{"ALL"},
		CapAdd:       slices.Concat(alwaysNeeded, c.spec.Capabilities),
		SecurityOpt:  []string{"no-new-privileges"},
		Sysctls:      sysctls(),
		Init:         &agentIsFirst,
		// Only the agent's own words come this way; the node's log is kept by it.
		LogConfig: container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "5m", "max-file": "1"}},
		// No core files on the volume. Other limits are the engine's own: it may
		// not have the right to raise any.
		Resources: container.Resources{Ulimits: []*container.Ulimit{{Name: "core"}}},
		Mounts: []mount.Mount{{
			Type: mount.TypeVolume, Source: c.spec.name(name), Target: DataDir,
			VolumeOptions: &mount.VolumeOptions{NoCopy: true, Labels: c.spec.labels(name)},
		}},
	}
}

func port(n int) nat.Port { return nat.Port(fmt.Sprintf("%d/tcp", n)) }

// bringUp starts a container, reads the ports it was given, which differ after
// every start, and waits for its agent.
func (c *Cluster) bringUp(ctx context.Context, i int, name string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := c.engine.ContainerStart(ctx, c.spec.name(name), container.StartOptions{}); err != nil {
		return fmt.Errorf("start container: %w", err)
	}
	about, err := c.engine.ContainerInspect(ctx, c.spec.name(name))
	if err != nil {
		return fmt.Errorf("inspect container: %w", err)
	}
	if !about.State.Running {
		return c.ended(ctx, name, about.State.ExitCode)
	}
	node := cluster.Node{Name: name}
	for _, p := range []struct {
		number int
		to     *string
	}{{ClientPort, &node.Client}, {agentPort, &node.Agent}} {
		bound := about.NetworkSettings.Ports[port(p.number)]
		if len(bound) == 0 {
			return fmt.Errorf("the engine did not publish port %d (harness doctor tries that)", p.number)
		}
		*p.to = published(bound[0].HostPort)
	}
	c.mu.Lock()
	c.nodes[i] = node
	c.mu.Unlock()
	return c.awaitAgent(ctx, node)
}

// awaitAgent asks until the agent answers or its container has ended.
func (c *Cluster) awaitAgent(ctx context.Context, node cluster.Node) error {
	watch, cancel := context.WithCancel(ctx)
	defer cancel()
	ended, _ := c.engine.ContainerWait(watch, c.spec.name(node.Name), container.WaitConditionNotRunning)
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for {
		err := c.call(ctx, node.Agent, cluster.Command{Node: node.Name, Path: wire.PathState, Into: &wire.State{}})
		if err == nil {
			return nil
		}
		select {
		case end := <-ended:
			return c.ended(ctx, node.Name, int(end.StatusCode))
		case <-ctx.Done():
			return fmt.Errorf("its agent did not answer: %w; its output:\n%s", err, c.tail(ctx, node.Name))
		case <-poll.C:
		}
	}
}

// ended is the error that says why there is no agent any more.
func (c *Cluster) ended(ctx context.Context, name string, status int) error {
	return fmt.Errorf("its agent ended with status %d; its output:\n%s", status, c.tail(ctx, name))
}

// tail gives the end of what the agent itself wrote, for error messages.
func (c *Cluster) tail(ctx context.Context, name string) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	out, err := c.engine.ContainerLogs(ctx, c.spec.name(name), container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: "20"})
	if err != nil {
		return err.Error()
	}
	defer out.Close()
	return demultiplex(out)
}

// demultiplex reads what a container wrote on both its outputs, as far as an
// error message may quote it. A stream that breaks off gives what came.
func demultiplex(out io.Reader) string {
	var text bytes.Buffer
	_, _ = stdcopy.StdCopy(&text, &text, io.LimitReader(out, tailBytes))
	return text.String()
}
