package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"partita/harness/cluster"
	"partita/nemesis/wire"
)

// validSpec is one that Validate accepts.
func validSpec() Spec {
	return Spec{
		RunID: "r1", Folder: "/results/r1", Nodes: 3, Image: "image", Token: "secret",
		Command: func(name string, peers map[string]string) []string { return []string{name, peers[name]} },
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Spec)
		want   string // in the error; empty for none
	}{
		{"valid", func(*Spec) {}, ""},
		{"nine nodes", func(s *Spec) { s.Nodes = 9 }, ""},
		{"no id", func(s *Spec) { s.RunID = "" }, "run id"},
		{"id that is no name", func(s *Spec) { s.RunID = "a/b" }, "run id"},
		{"id that begins with a dash", func(s *Spec) { s.RunID = "-a" }, "run id"},
		{"long id", func(s *Spec) { s.RunID = strings.Repeat("a", 65) }, "run id"},
		{"no token", func(s *Spec) { s.Token = "" }, "token"},
		{"no image", func(s *Spec) { s.Image = "" }, "image"},
		{"relative folder", func(s *Spec) { s.Folder = "results" }, "absolute"},
		{"no nodes", func(s *Spec) { s.Nodes = 0 }, "1 to 9"},
		{"ten nodes", func(s *Spec) { s.Nodes = 10 }, "1 to 9"},
		{"no command", func(s *Spec) { s.Command = nil }, "command"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := validSpec()
			test.change(&s)
			err := s.Validate()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestAgentConfig(t *testing.T) {
	hosts := map[string]string{"n1": "10.213.4.11", "n2": "10.213.4.12"}
	got := validSpec().agentConfig("n2", hosts)
	want := wire.Config{
		RunID: "r1", Node: "n2", Peers: hosts, Token: "secret",
		Command: []string{"/partita/node", "n2", "10.213.4.12:7000"},
		UID:     1000, Data: "/data", Log: "/partita/log/node.jsonl",
		AgentPort: 9000, PeerPort: 7000, ProbePort: 7100, ProbeEvery: 50,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestLabels(t *testing.T) {
	s := validSpec()
	ofNode := map[string]string{"partita.run": "r1", "partita.folder": "/results/r1", "partita.node": "n2"}
	if got := s.labels("n2"); !reflect.DeepEqual(got, ofNode) {
		t.Errorf("of a node: %v", got)
	}
	delete(ofNode, "partita.node")
	if got := s.labels(""); !reflect.DeepEqual(got, ofNode) {
		t.Errorf("of the network: %v", got)
	}
	if got := s.name("n2"); got != "partita-r1-n2" {
		t.Errorf("name %q", got)
	}
}

// A container may do what was listed and nothing else.
func TestHostConfig(t *testing.T) {
	s := validSpec()
	s.Capabilities = []string{"NET_ADMIN"}
	h := (&Cluster{spec: s}).hostConfig("n1")
	if h.Privileged || *h.Init || h.Memory != 0 || h.NanoCPUs != 0 {
		t.Errorf("privileged %v, init %v, memory %d, processors %d", h.Privileged, *h.Init, h.Memory, h.NanoCPUs)
	}
	if !slices.Equal(h.CapDrop, []string{"ALL"}) || !slices.Equal(h.SecurityOpt, []string{"no-new-privileges"}) {
		t.Errorf("drops %v, security %v", h.CapDrop, h.SecurityOpt)
	}
	if want := []string{"SETUID", "SETGID", "KILL", "CHOWN", "NET_ADMIN"}; !slices.Equal(h.CapAdd, want) {
		t.Errorf("capabilities %v, want %v", h.CapAdd, want)
	}
	if len(alwaysNeeded) != 4 {
		t.Errorf("building a configuration changed the table: %v", alwaysNeeded)
	}
	for _, n := range []int{ClientPort, agentPort} {
		if b := h.PortBindings[port(n)]; len(b) != 1 || b[0].HostIP != "127.0.0.1" || b[0].HostPort != "" {
			t.Errorf("port %d is bound to %v", n, b)
		}
	}
	if len(h.PortBindings) != 2 {
		t.Errorf("bindings %v", h.PortBindings)
	}
	if m := h.Mounts[0]; m.Source != "partita-r1-n1" || m.Target != "/data" || !reflect.DeepEqual(m.VolumeOptions.Labels, s.labels("n1")) {
		t.Errorf("mount %+v", m)
	}
}

func TestFreeSubnets(t *testing.T) {
	all := freeSubnets("r1", nil)
	if len(all) != 512 {
		t.Fatalf("%d subnets", len(all))
	}
	seen := map[netip.Prefix]bool{}
	for _, p := range all {
		if seen[p] || p.Bits() != 24 || !p.Addr().IsPrivate() || p != p.Masked() {
			t.Errorf("%v is listed twice or no private /24", p)
		}
		seen[p] = true
	}
	tests := []struct {
		name  string
		taken []string
		want  int // how many are left
	}{
		{"the first", []string{all[0].String()}, 511},
		{"an address inside", []string{all[3].Addr().Next().String() + "/32"}, 511},
		{"a range around sixteen", []string{"10.213.16.0/20"}, 512 - 16},
		{"all of the first range", []string{"10.0.0.0/8"}, 256},
		{"version 6", []string{"fd00::/8"}, 512},
		{"everything", []string{"0.0.0.0/0"}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var taken []netip.Prefix
			for _, text := range test.taken {
				taken = append(taken, netip.MustParsePrefix(text))
			}
			free := freeSubnets("r1", taken)
			if len(free) != test.want {
				t.Errorf("%d are free, want %d", len(free), test.want)
			}
			for _, p := range free {
				if overlapsAny(p, taken) {
					t.Errorf("%v overlaps %v", p, taken)
				}
			}
		})
	}
	if got := freeSubnets("r2", nil)[0]; got == all[0] {
		t.Errorf("runs r1 and r2 both begin at %v", got)
	}
}

func TestAddress(t *testing.T) {
	in := netip.MustParsePrefix("10.213.7.0/24")
	for node, want := range map[int]string{1: "10.213.7.11", 9: "10.213.7.19"} {
		if got := address(in, node).String(); got != want {
			t.Errorf("node %d: %s, want %s", node, got, want)
		}
	}
}

func TestArchive(t *testing.T) {
	dir := t.TempDir()
	s := validSpec()
	s.AgentBinary, s.NodeBinary = filepath.Join(dir, "agent"), filepath.Join(dir, "node")
	write(t, s.AgentBinary, "the agent")
	write(t, s.NodeBinary, strings.Repeat("the node", 1000))
	load, err := s.payload()
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{"n1", "n2"} { // the binaries serve more than once
		packed, err := load.archive(s.agentConfig(node, map[string]string{"n1": "10.0.0.1", "n2": "10.0.0.2"}))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		modes := map[string]int64{}
		for r := tar.NewReader(packed); ; {
			h, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			got[h.Name], modes[h.Name] = string(text), h.Mode
			if h.Uid != 0 || h.Gid != 0 {
				t.Errorf("%s belongs to %d:%d", h.Name, h.Uid, h.Gid)
			}
		}
		if got["partita/agent"] != "the agent" || len(got["partita/node"]) != 8000 {
			t.Errorf("binaries of %s: %d and %d bytes", node, len(got["partita/agent"]), len(got["partita/node"]))
		}
		var config wire.Config
		if err := json.Unmarshal([]byte(got["etc/partita/agent.json"]), &config); err != nil || config.Node != node {
			t.Errorf("configuration is of %q: %v", config.Node, err)
		}
		want := map[string]int64{"partita/": 0o755, "partita/agent": 0o755, "partita/node": 0o755, "partita/log/": 0o755, "etc/partita/": 0o700, "etc/partita/agent.json": 0o600}
		if !reflect.DeepEqual(modes, want) {
			t.Errorf("modes %v, want %v", modes, want)
		}
	}
}

func TestPayloadNamesTheBinaryThatIsMissing(t *testing.T) {
	s := validSpec()
	s.AgentBinary = filepath.Join(t.TempDir(), "absent")
	if _, err := s.payload(); err == nil || !strings.Contains(err.Error(), s.AgentBinary) {
		t.Errorf("error %v", err)
	}
}

func TestRequests(t *testing.T) {
	tests := []struct {
		name    string
		command cluster.Command
		method  string
		body    string
	}{
		{"state", cluster.Command{Path: wire.PathState}, "GET", ""},
		{"probes with a query", cluster.Command{Path: wire.PathProbes + "?since=1&until=2"}, "GET", ""},
		{"log", cluster.Command{Path: wire.PathLog}, "GET", ""},
		{"start", cluster.Command{Path: wire.PathStart}, "POST", ""},
		{"drop", cluster.Command{Path: wire.PathDrop, Body: wire.Drop{Rules: []wire.Rule{{From: "n2"}}}}, "POST", `{"rules":[{"from":"n2"}]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			req, err := newRequest(context.Background(), "127.0.0.1:9", "secret", test.command)
			if err != nil {
				t.Fatal(err)
			}
			body := ""
			if req.Body != nil {
				text, _ := io.ReadAll(req.Body)
				body = string(text)
			}
			if req.Method != test.method || body != test.body || req.URL.RequestURI() != test.command.Path {
				t.Errorf("%s %s %q", req.Method, req.URL.RequestURI(), body)
			}
			if got := req.Header.Get("Authorization"); got != "Bearer secret" {
				t.Errorf("authorization %q", got)
			}
		})
	}
}

func TestAnswer(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   string // in the error; empty for none
	}{
		{"state", 200, `{"node":"n3"}`, ""},
		{"error of the agent", 409, `{"message":"the node does not run"}`, "the node does not run"},
		{"error that is not JSON", 502, "bad gateway\n", "bad gateway"},
		{"not JSON", 200, "node", "answer"},
		{"too long", 200, `{"node":"` + strings.Repeat("n", 100) + `"}`, "longer than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var state wire.State
			resp := &http.Response{StatusCode: test.status, Status: http.StatusText(test.status), Body: io.NopCloser(strings.NewReader(test.body))}
			err := answer(resp, &state, 64)
			if test.want == "" {
				if err != nil || state.Node != "n3" {
					t.Errorf("state %+v, error %v", state, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
	var raw []byte
	resp := &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("{}\n{}\n"))}
	if err := answer(resp, &raw, 64); err != nil || string(raw) != "{}\n{}\n" {
		t.Errorf("raw %q, error %v", raw, err)
	}
}

func TestAgentOfNoNode(t *testing.T) {
	c := &Cluster{spec: validSpec()}
	if err := c.Agent(context.Background(), cluster.Command{Node: "n4", Path: wire.PathState}); err == nil || !strings.Contains(err.Error(), `"n4"`) {
		t.Errorf("error %v", err)
	}
}

// FuzzUnpack: whatever an archive holds, nothing is written outside of the
// folder.
func FuzzUnpack(f *testing.F) {
	for _, name := range []string{"data/log", "../out", "/etc/out", "data/../../out", "data", ""} {
		var archive bytes.Buffer
		w := tar.NewWriter(&archive)
		_ = w.WriteHeader(&tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: ".."})
		_ = w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: 4})
		_, _ = w.Write([]byte("text"))
		_ = w.Close()
		f.Add(archive.Bytes())
	}
	f.Fuzz(func(t *testing.T, archive []byte) {
		if len(archive) > 64<<10 {
			return
		}
		around := t.TempDir()
		_ = unpack(tar.NewReader(bytes.NewReader(archive)), filepath.Join(around, "in"))
		entries, err := os.ReadDir(around)
		if err != nil || len(entries) != 1 || entries[0].Name() != "in" {
			t.Errorf("beside the folder: %v, %v", entries, err)
		}
	})
}

func TestUnpack(t *testing.T) {
	packed, err := pack([]file{{"data/", 0o755, nil}, {"data/wal/0001", 0o600, []byte("log")}}, true)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := unpack(tar.NewReader(bytes.NewReader(packed)), dir); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "data/wal/0001")); err != nil || string(text) != "log" {
		t.Errorf("%q, %v", text, err)
	}
	hostile, err := pack([]file{{"../out", 0o600, []byte("log")}}, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := unpack(tar.NewReader(bytes.NewReader(hostile)), dir); err == nil {
		t.Error("a name outside of the folder was accepted")
	}
}

func TestBaseOf(t *testing.T) {
	if got := baseOf("# comment\nFROM debian:bookworm-slim\nRUN x\n"); got != "debian:bookworm-slim" {
		t.Errorf("base %q", got)
	}
	if got := baseOf(dockerfile); got == "" {
		t.Error("our own Dockerfile has no base")
	}
}

// The cluster that is played with by hand is no more open than the others.
func TestComposePublishesOnLoopbackOnly(t *testing.T) {
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct {
			Image      string
			Ports      []string
			Privileged bool
			CapDrop    []string `yaml:"cap_drop"`
			CapAdd     []string `yaml:"cap_add"`
			Volumes    []string
		}
	}
	if err := yaml.Unmarshal(text, &compose); err != nil {
		t.Fatal(err)
	}
	if len(compose.Services) != 4 {
		t.Errorf("%d services", len(compose.Services))
	}
	for name, s := range compose.Services {
		if len(s.Ports) == 0 || s.Privileged || len(s.CapAdd) > 0 || !slices.Equal(s.CapDrop, []string{"ALL"}) {
			t.Errorf("%s: %+v", name, s)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s publishes %s", name, p)
			}
		}
		for _, v := range s.Volumes {
			if strings.HasPrefix(v, "..") && !strings.HasSuffix(v, ":ro") {
				t.Errorf("%s may write to %s", name, v)
			}
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
