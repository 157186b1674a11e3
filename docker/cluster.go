package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"
	"golang.org/x/sync/errgroup"

	"partita/harness/cluster"
	"partita/nemesis/wire"
)

// How long things may take.
const (
	readyTimeout = 30 * time.Second // a container until its agent answers
	closeTimeout = 60 * time.Second
	readyPoll    = 5 * time.Millisecond
)

// maxAgentBody bounds an agent's answer: a long run's log is the largest.
const maxAgentBody = 256 << 20

// alwaysNeeded is what every agent needs to start its child as another user,
// signal it and own its data.
var alwaysNeeded = []string{"SETUID", "SETGID", "KILL", "CHOWN"}

// Cluster is a running set of containers. It is a cluster.Cluster.
type Cluster struct {
	api     *client.Client
	spec    Spec
	http    *http.Client
	network string

	mu     sync.Mutex // guards what follows; never held over a call
	nodes  []cluster.Node
	closed bool
}

var _ cluster.Cluster = (*Cluster)(nil)

// Connect opens the engine that the environment names.
func Connect() (*client.Client, error) {
	api, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, fmt.Errorf("docker: %w", err)
	}
	return api, nil
}

// Start makes a cluster and waits until every agent answers. After an error
// nothing is left.
func Start(ctx context.Context, spec Spec) (*Cluster, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	load, err := spec.payload()
	if err != nil {
		return nil, err
	}
	api, err := Connect()
	if err != nil {
		return nil, err
	}
	c := &Cluster{api: api, spec: spec, nodes: make([]cluster.Node, spec.Nodes), http: &http.Client{}}
	if err := c.start(ctx, load); err != nil {
		return nil, errors.Join(err, c.Close(context.WithoutCancel(ctx)))
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, load payload) error {
	id, in, err := makeNetwork(ctx, c.api, c.spec)
	if err != nil {
		return err
	}
	c.network = id
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

// create makes a node's volume and container and copies the binaries in.
func (c *Cluster) create(ctx context.Context, name string, hosts map[string]string, load payload) error {
	full := c.spec.name(name)
	archive, err := load.archive(c.spec.agentConfig(name, hosts))
	if err != nil {
		return err
	}
	if _, err := c.api.VolumeCreate(ctx, volume.CreateOptions{Name: full, Labels: c.spec.labels(name)}); err != nil {
		return fmt.Errorf("make volume: %w", err)
	}
	ports := nat.PortSet{port(ClientPort): {}, port(agentPort): {}}
	bindings := nat.PortMap{}
	for p := range ports {
		bindings[p] = []nat.PortBinding{{HostIP: "127.0.0.1"}}
	}
	_, err = c.api.ContainerCreate(ctx,
		&container.Config{
			Image: c.spec.Image, Hostname: name, Labels: c.spec.labels(name), ExposedPorts: ports,
			Entrypoint: []string{"/partita/agent", "--config", "/etc/partita/agent.json"}, StopSignal: "SIGTERM",
		},
		&container.HostConfig{
			PortBindings: bindings,
			CapDrop:      []string{"ALL"},
			CapAdd:       append(append([]string(nil), alwaysNeeded...), c.spec.Capabilities...),
			SecurityOpt:  []string{"no-new-privileges"},
			Sysctls:      sysctls(),
			LogConfig:    container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "5m", "max-file": "1"}},
			Mounts:       []mount.Mount{{Type: mount.TypeVolume, Source: full, Target: DataDir}},
		},
		&network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
			c.spec.name(""): {IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: hosts[name]}},
		}}, nil, full)
	if err != nil {
		return fmt.Errorf("make container: %w", err)
	}
	if err := c.api.CopyToContainer(ctx, full, "/", bytes.NewReader(archive), container.CopyToContainerOptions{}); err != nil {
		return fmt.Errorf("copy binaries in: %w", err)
	}
	return nil
}

func port(n int) nat.Port { return nat.Port(fmt.Sprintf("%d/tcp", n)) }

// sysctls shortens TCP's back-off after a partition where the kernel can.
func sysctls() map[string]string {
	const bound = "net.ipv4.tcp_rto_max_ms"
	if _, err := os.Stat("/proc/sys/" + strings.ReplaceAll(bound, ".", "/")); err != nil {
		return nil
	}
	return map[string]string{bound: "1000"}
}

// bringUp starts a container, reads the ports it was given, which differ after
// every start, and waits for its agent.
func (c *Cluster) bringUp(ctx context.Context, i int, name string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := c.api.ContainerStart(ctx, c.spec.name(name), container.StartOptions{}); err != nil {
		return fmt.Errorf("start container: %w", err)
	}
	about, err := c.api.ContainerInspect(ctx, c.spec.name(name))
	if err != nil {
		return fmt.Errorf("inspect container: %w", err)
	}
	node := cluster.Node{Name: name}
	for p, to := range map[int]*string{ClientPort: &node.Client, agentPort: &node.Agent} {
		bound := about.NetworkSettings.Ports[port(p)]
		if len(bound) == 0 {
			return fmt.Errorf("port %d was not published; the container's state is %q, its log:\n%s", p, about.State.Status, c.tail(name))
		}
		*to = net.JoinHostPort("127.0.0.1", bound[0].HostPort)
	}
	c.mu.Lock()
	c.nodes[i] = node
	c.mu.Unlock()
	var last error
	for {
		var state wire.State
		if last = c.call(ctx, node.Agent, cluster.Command{Node: name, Path: wire.PathState, Into: &state}); last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("its agent did not answer: %w; its log:\n%s", last, c.tail(name))
		case <-time.After(readyPoll):
		}
	}
}

// tail gives the end of what the agent itself wrote, for error messages.
func (c *Cluster) tail(name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := c.api.ContainerLogs(ctx, c.spec.name(name), container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: "20"})
	if err != nil {
		return err.Error()
	}
	defer out.Close()
	text, _ := io.ReadAll(io.LimitReader(out, 16<<10))
	return string(text)
}

// Nodes lists where the nodes can be reached now.
func (c *Cluster) Nodes() []cluster.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]cluster.Node(nil), c.nodes...)
}

// Agent sends one command to a node's agent. ctx must have a deadline.
func (c *Cluster) Agent(ctx context.Context, command cluster.Command) error {
	for _, n := range c.Nodes() {
		if n.Name == command.Node {
			if err := c.call(ctx, n.Agent, command); err != nil {
				return fmt.Errorf("agent of %s: %w", n.Name, err)
			}
			return nil
		}
	}
	return fmt.Errorf("docker: no node %q", command.Node)
}

func (c *Cluster) call(ctx context.Context, addr string, command cluster.Command) error {
	method, body := http.MethodGet, io.Reader(nil)
	if !readOnly(command.Path) {
		method = http.MethodPost
		if command.Body != nil {
			text, err := json.Marshal(command.Body)
			if err != nil {
				return fmt.Errorf("%s: %w", command.Path, err)
			}
			body = bytes.NewReader(text)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+command.Path, body)
	if err != nil {
		return fmt.Errorf("%s: %w", command.Path, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.spec.Token)
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", command.Path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAgentBody))
	if err != nil {
		return fmt.Errorf("%s: %w", command.Path, err)
	}
	if resp.StatusCode != http.StatusOK {
		var e wire.Error
		if json.Unmarshal(text, &e) != nil || e.Message == "" {
			e.Message = string(text)
		}
		return fmt.Errorf("%s: %s: %s", command.Path, resp.Status, e.Message)
	}
	switch into := command.Into.(type) {
	case nil:
		return nil
	case *[]byte:
		*into = text
		return nil
	default:
		if err := json.Unmarshal(text, into); err != nil {
			return fmt.Errorf("%s: answer: %w", command.Path, err)
		}
		return nil
	}
}

// readOnly says whether a path is asked for with GET.
func readOnly(path string) bool {
	path, _, _ = strings.Cut(path, "?")
	return path == wire.PathState || path == wire.PathProbes || path == wire.PathLog
}

// FetchData copies a node's data directory into a folder on this machine.
func (c *Cluster) FetchData(ctx context.Context, node, folder string) error {
	out, _, err := c.api.CopyFromContainer(ctx, c.spec.name(node), DataDir)
	if err != nil {
		return fmt.Errorf("docker: fetch the data of %s: %w", node, err)
	}
	defer out.Close()
	if err := unpack(tar.NewReader(out), folder); err != nil {
		return fmt.Errorf("docker: fetch the data of %s: %w", node, err)
	}
	return nil
}

// unpack writes the regular files of an archive below a folder. os.Root keeps
// a hostile name from leaving it.
func unpack(archive *tar.Reader, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := filepath.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			if err := root.MkdirAll(name, 0o755); err != nil {
				return err
			}
		case tar.TypeReg:
			f, err := root.Create(name)
			if err != nil {
				return err
			}
			_, err = io.Copy(f, archive)
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
		}
	}
}

// Close removes containers, volumes and network. It has a deadline of its own
// and works when ctx is cancelled; a second call does nothing.
func (c *Cluster) Close(ctx context.Context) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	c.http.CloseIdleConnections()
	_, err := remove(ctx, c.api, labelRun+"="+c.spec.RunID)
	return errors.Join(err, c.api.Close())
}
