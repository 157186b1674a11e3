//go:build docker

package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"partita/harness/cluster"
	"partita/nemesis/wire"
)

// These tests need a Docker engine, and root for a look at the host's rules.
// They are never skipped: without the tag "docker" they are not there, with it
// they fail where they cannot run.

// standIn builds one of the programs under testdata, as the real ones are.
func standIn(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./testdata/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return path
}

// spec is that of a run of stand-ins, whose folder is locked until the end of
// the test.
func spec(t *testing.T, id string, nodes int, agent, node string) Spec {
	t.Helper()
	image, err := EnsureImage(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	lock, err := Lock(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lock.Unlock() })
	return Spec{
		RunID: id, Folder: folder, Nodes: nodes, Image: image, AgentBinary: agent, NodeBinary: node,
		Command: func(_ string, peers map[string]string) []string {
			args := []string{DataDir}
			for _, p := range peers {
				args = append(args, p)
			}
			slices.Sort(args[1:])
			return args
		},
		Token: "secret", Capabilities: []string{"NET_ADMIN"},
	}
}

// testID is a run's id that no other process uses.
func testID(name string) string { return fmt.Sprintf("test-%s-%d", name, os.Getpid()) }

func testEngine(t *testing.T) *client.Client {
	t.Helper()
	engine, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	return engine
}

func ofRun(id string) filters.Args {
	return filters.NewArgs(filters.Arg("label", labelRun+"="+id))
}

// hostRules gives this machine's rules without counters and without those that
// the engine has for its networks.
func hostRules(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "iptables-save").Output()
	if err != nil {
		t.Fatalf("iptables-save (it needs root): %v", err)
	}
	var kept []string
	for line := range strings.Lines(string(out)) {
		switch {
		case strings.HasPrefix(line, "#"), strings.Contains(line, " br-"), strings.Contains(line, " 10.213."), strings.Contains(line, " 172.29."):
		case strings.Contains(line, "-j MASQUERADE"), strings.Contains(line, "-j DNAT"): // the engine's, for whatever runs on it
		case strings.HasPrefix(line, ":"):
			kept = append(kept, strings.Split(line, " [")[0])
		default:
			kept = append(kept, strings.TrimSpace(line))
		}
	}
	return strings.Join(kept, "\n")
}

type about struct {
	Hostname string
	UID      int
	First    bool
	Status   string
	Reached  string
}

// ask waits until a node has answered that it reaches so many of its peers.
func ask(t *testing.T, node cluster.Node, peers int) about {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		a, err := askOnce(ctx, node)
		if err == nil && len(strings.Fields(a.Reached)) == peers {
			return a
		}
		select {
		case <-ctx.Done():
			t.Fatalf("node %s reaches %q, not %d peers: %v", node.Name, a.Reached, peers, err)
		case <-tick.C:
		}
	}
}

func askOnce(ctx context.Context, node cluster.Node) (a about, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+node.Client+"/about", nil)
	if err != nil {
		return a, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	return a, json.NewDecoder(resp.Body).Decode(&a)
}

func TestClusterOfFive(t *testing.T) {
	s := spec(t, testID("five"), 5, standIn(t, "agent"), standIn(t, "node"))
	rules := hostRules(t)
	engine := testEngine(t)

	began := time.Now()
	c, err := Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	// No bound: it would judge what else this machine does. A run's results
	// have the time of its setup.
	t.Logf("five containers ready in %v", time.Since(began))

	t.Run("containers", func(t *testing.T) { checkContainers(t, engine, c) })
	t.Run("labels", func(t *testing.T) { checkLabels(t, engine, s) })
	t.Run("agents", func(t *testing.T) { checkAgents(t, c) })
	t.Run("nodes", func(t *testing.T) { checkNodes(t, c) })
	t.Run("loss of a machine", func(t *testing.T) { checkLoss(t, c) })
	if got := hostRules(t); got != rules {
		t.Errorf("the host's rules changed while the cluster ran:\n%s\nbefore:\n%s", got, rules)
	}

	began = time.Now()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Close(cancelled); err != nil {
		t.Fatal(err)
	}
	t.Logf("removed in %v", time.Since(began))
	if err := c.Close(t.Context()); err != nil {
		t.Errorf("a second close: %v", err)
	}
	left, err := list(t.Context(), engine, ofRun(s.RunID))
	if err != nil || !left.empty() {
		t.Errorf("left: %+v, %v", left, err)
	}
	if got := hostRules(t); got != rules {
		t.Errorf("the host's rules after:\n%s\nbefore:\n%s", got, rules)
	}
}

func checkContainers(t *testing.T, engine *client.Client, c *Cluster) {
	for i, n := range c.Nodes() {
		info, err := engine.ContainerInspect(t.Context(), c.spec.name(n.Name))
		if err != nil {
			t.Fatal(err)
		}
		if n.Name != NodeName(i+1) || info.Config.Hostname != n.Name || !info.State.Running {
			t.Errorf("place %d: node %s, host name %s, state %s", i, n.Name, info.Config.Hostname, info.State.Status)
		}
		slices.Sort(info.HostConfig.CapAdd)
		got := strings.ReplaceAll(strings.Join(info.HostConfig.CapAdd, " "), "CAP_", "")
		if info.HostConfig.Privileged || got != "CHOWN KILL NET_ADMIN SETGID SETUID" {
			t.Errorf("%s: privileged %v, capabilities %s", n.Name, info.HostConfig.Privileged, got)
		}
		at := info.NetworkSettings.Networks[c.spec.name("")]
		if !strings.HasSuffix(at.IPAddress, fmt.Sprintf(".%d", 11+i)) || at.IPPrefixLen != 24 {
			t.Errorf("%s has address %s/%d", n.Name, at.IPAddress, at.IPPrefixLen)
		}
		for p, bindings := range info.NetworkSettings.Ports {
			for _, b := range bindings {
				if b.HostIP != "127.0.0.1" {
					t.Errorf("%s publishes %s on %s", n.Name, p, b.HostIP)
				}
				if conn, err := net.DialTimeout("tcp", net.JoinHostPort(at.Gateway, b.HostPort), time.Second); err == nil {
					conn.Close()
					t.Errorf("%s's port %s is reached on %s too", n.Name, p, at.Gateway)
				}
			}
		}
		if len(info.NetworkSettings.Ports) != 2 {
			t.Errorf("%s publishes %v", n.Name, info.NetworkSettings.Ports)
		}
	}
}

func checkLabels(t *testing.T, engine *client.Client, s Spec) {
	left, err := list(t.Context(), engine, ofRun(s.RunID))
	if err != nil {
		t.Fatal(err)
	}
	if len(left.containers) != 5 || len(left.networks) != 1 || len(left.volumes) != 5 {
		t.Errorf("%d containers, %d networks, %d volumes", len(left.containers), len(left.networks), len(left.volumes))
	}
	if runs := left.runs(); !slices.Equal(runs, []owner{{s.RunID, s.Folder}}) {
		t.Errorf("they belong to %v", runs)
	}
	for _, node := range s.names() {
		own, err := list(t.Context(), engine, filters.NewArgs(filters.Arg("label", labelRun+"="+s.RunID), filters.Arg("label", labelNode+"="+node)))
		if err != nil || len(own.containers) != 1 || len(own.volumes) != 1 {
			t.Errorf("labelled %s: %+v, %v", node, own, err)
		}
	}
}

func checkAgents(t *testing.T, c *Cluster) {
	var state wire.State
	if err := c.Agent(t.Context(), cluster.Command{Node: "n4", Path: wire.PathState, Into: &state}); err != nil || state.Node != "n4" {
		t.Errorf("state %+v, error %v", state, err)
	}
	asked := wire.Drop{Rules: []wire.Rule{{From: "n1", OneWay: true}}}
	var came wire.Drop
	if err := c.Agent(t.Context(), cluster.Command{Node: "n2", Path: wire.PathDrop, Body: asked, Into: &came}); err != nil || !slices.Equal(came.Rules, asked.Rules) {
		t.Errorf("drop %+v, error %v", came, err)
	}
	stranger := &Cluster{spec: c.spec, nodes: c.Nodes(), http: c.http}
	stranger.spec.Token = "wrong"
	if err := stranger.Agent(t.Context(), cluster.Command{Node: "n1", Path: wire.PathState}); err == nil || !strings.Contains(err.Error(), "wrong token") {
		t.Errorf("with another token: %v", err)
	}
}

func checkNodes(t *testing.T, c *Cluster) {
	for _, n := range c.Nodes() {
		a := ask(t, n, 5)
		if a.Hostname != n.Name || a.UID != nodeUID || !a.First {
			t.Errorf("%s: host name %s, user %d, child of the first process %v", n.Name, a.Hostname, a.UID, a.First)
		}
		for _, line := range []string{"CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"} {
			if !strings.Contains(a.Status, line) {
				t.Errorf("%s: no %q in\n%s", n.Name, line, a.Status)
			}
		}
	}
}

// checkLoss loses a machine and gets it back: its disk and its address are
// the same, and it is reached where Nodes says.
func checkLoss(t *testing.T, c *Cluster) {
	if err := c.Kill(t.Context(), "n2"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := c.Agent(ctx, cluster.Command{Node: "n2", Path: wire.PathState}); err == nil {
		t.Error("the agent of a lost machine answers")
	}
	ask(t, c.Nodes()[2], 4)
	if err := c.Restart(t.Context(), "n2"); err != nil {
		t.Fatal(err)
	}
	if a := ask(t, c.Nodes()[1], 5); a.Hostname != "n2" {
		t.Errorf("after the restart n2 is where %s answers", a.Hostname)
	}
	ask(t, c.Nodes()[2], 5) // n2 is where n3 expects it
	dir := t.TempDir()
	if err := c.FetchData(t.Context(), "n2", dir); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "data", "boots")); err != nil || string(text) != "boot\nboot\n" {
		t.Errorf("the data of n2: %q, %v", text, err)
	}
	if err := c.Kill(t.Context(), "n9"); err == nil {
		t.Error("a machine that is not there was killed")
	}
}

// Two runs that start at once and want the same subnet first get two.
func TestTwoClustersAtOnce(t *testing.T) {
	agent, node := standIn(t, "agent"), standIn(t, "node")
	first := testID("twin")
	second := first
	for i := 0; second == first || freeSubnets(second, nil)[0] != freeSubnets(first, nil)[0]; i++ {
		second = fmt.Sprintf("%s-%d", first, i)
	}
	specs := []Spec{spec(t, first, 2, agent, node), spec(t, second, 2, agent, node)}
	clusters, failed := make([]*Cluster, 2), make([]error, 2)
	var both sync.WaitGroup
	for i, s := range specs {
		both.Go(func() { clusters[i], failed[i] = Start(t.Context(), s) })
	}
	both.Wait()
	for i, c := range clusters {
		if failed[i] != nil {
			t.Errorf("run %d: %v", i, failed[i])
			continue
		}
		t.Cleanup(func() { c.Close(context.Background()) })
		ask(t, c.Nodes()[0], 2)
	}
	if t.Failed() {
		return
	}
	// The end of one is nothing to the other.
	if err := clusters[0].Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask(t, clusters[1].Nodes()[0], 2)
}

func TestStartThatFailsLeavesNothing(t *testing.T) {
	agent, node := standIn(t, "agent"), standIn(t, "node")
	engine := testEngine(t)
	t.Run("an agent that ends", func(t *testing.T) {
		s := spec(t, testID("ends"), 3, node, node) // a node is no agent
		_, err := Start(t.Context(), s)
		if err == nil || !strings.Contains(err.Error(), "node:") || !strings.Contains(err.Error(), "ended with status 1") {
			t.Errorf("the error does not say what the agent said: %v", err)
		}
		if left, err := list(t.Context(), engine, ofRun(s.RunID)); err != nil || !left.empty() {
			t.Errorf("left: %+v, %v", left, err)
		}
	})
	t.Run("no such image", func(t *testing.T) {
		s := spec(t, testID("image"), 3, agent, node)
		s.Image = "partita-base:absent"
		if _, err := Start(t.Context(), s); err == nil || !strings.Contains(err.Error(), "partita-base:absent") {
			t.Errorf("error %v", err)
		}
		if left, err := list(t.Context(), engine, ofRun(s.RunID)); err != nil || !left.empty() {
			t.Errorf("left: %+v, %v", left, err)
		}
	})
	for _, after := range []time.Duration{20, 150, 400, 700} {
		t.Run(fmt.Sprintf("called off after %d ms", after), func(t *testing.T) {
			s := spec(t, testID(fmt.Sprintf("off%d", after)), 5, agent, node)
			ctx, cancel := context.WithTimeout(t.Context(), after*time.Millisecond)
			defer cancel()
			c, err := Start(ctx, s)
			if err == nil { // it was quicker
				err = c.Close(t.Context())
				if err != nil {
					t.Fatal(err)
				}
			}
			if left, err := list(t.Context(), engine, ofRun(s.RunID)); err != nil || !left.empty() {
				t.Errorf("left: %+v, %v", left, err)
			}
		})
	}
}

// A sweep removes what dead runs left and spares a live one. It is the sweep
// of this test's runs only: others live on this engine.
func TestSweepOnTheEngine(t *testing.T) {
	agent, node := standIn(t, "agent"), standIn(t, "node")
	engine := testEngine(t)
	live := spec(t, testID("live"), 1, agent, node)
	left := spec(t, testID("left"), 1, agent, node)
	left.Folder = t.TempDir() // one that nobody locks
	gone := spec(t, testID("gone"), 1, agent, node)
	gone.Folder = filepath.Join(t.TempDir(), "vanished")
	for _, s := range []Spec{live, left, gone} {
		c, err := Start(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close(context.Background()) })
	}
	for _, s := range []Spec{left, gone, live} {
		swept, err := sweep(t.Context(), engine, ofRun(s.RunID))
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		if s.RunID != live.RunID {
			want = []string{s.RunID}
		}
		if !slices.Equal(swept, want) {
			t.Errorf("swept %v, want %v", swept, want)
		}
		rest, err := list(t.Context(), engine, ofRun(s.RunID))
		if err != nil || rest.empty() != (s.RunID != live.RunID) {
			t.Errorf("of %s: %+v, %v", s.RunID, rest, err)
		}
	}
}

// The last way needs nothing that this machine could lack, and a way that
// fails leads to the next.
func TestImageOfTheHostsIptables(t *testing.T) {
	engine := testEngine(t)
	ref := "partita-base:" + testID("host")
	t.Cleanup(func() { engine.ImageRemove(context.Background(), ref, image.RemoveOptions{}) })
	broken := way{"without iptables", func(ctx context.Context, engine *client.Client, ref string) error {
		return fromScript(ctx, engine, `mkdir -p "$1/etc"`, ref)
	}}
	failing := way{"by a script that fails", func(ctx context.Context, engine *client.Client, ref string) error {
		return fromScript(ctx, engine, `echo out of luck; exit 1`, ref)
	}}
	var said strings.Builder
	all := ways()
	if err := makeImage(t.Context(), engine, ref, []way{failing, broken, all[len(all)-1]}, &said); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"not by a script that fails: out of luck", "not without iptables", "made from this machine's iptables"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q was not said in\n%s", want, said.String())
		}
	}
	if hasImage(t.Context(), engine, ref+"-candidate") {
		t.Error("a candidate is left")
	}
}

func TestNoWayToTheImage(t *testing.T) {
	ref := "partita-base:" + testID("none")
	err := makeImage(t.Context(), testEngine(t), ref, []way{{"by hope", func(context.Context, *client.Client, string) error {
		return fmt.Errorf("there is none")
	}}}, t.Output())
	if err == nil || !strings.Contains(err.Error(), "by hope: there is none") || !strings.Contains(err.Error(), "registry") {
		t.Errorf("error %v", err)
	}
}

func TestDoctorFindsThisMachineFit(t *testing.T) {
	if _, err := EnsureImage(t.Context(), t.Output()); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range Doctor(t.Context()) {
		t.Logf("%s: %v: %s", f.Name, f.OK, f.Detail)
		if !f.OK {
			t.Errorf("%s: %s; %s", f.Name, f.Detail, f.Remedy)
		}
		names = append(names, f.Name)
	}
	if want := []string{"kernel", "engine", "image", "iptables", "ports"}; !slices.Equal(names, want) {
		t.Errorf("looked at %v, want %v", names, want)
	}
}

func TestDoctorWithoutAnEngine(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "absent.sock"))
	found := Doctor(t.Context())
	last := found[len(found)-1]
	if last.Name != "engine" || last.OK || last.Remedy == "" {
		t.Errorf("found %+v", found)
	}
}
