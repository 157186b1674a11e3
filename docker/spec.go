package docker

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"partita/nemesis/wire"
)

// Labels on everything that a run makes.
const (
	labelRun    = "partita.run"
	labelFolder = "partita.folder"
	labelNode   = "partita.node"
)

// Ports and places inside a container.
const (
	ClientPort = 8000
	PeerPort   = 7000
	probePort  = 7100
	agentPort  = 9000
	DataDir    = "/data"
	logPath    = "/partita/log/node.jsonl"
	nodeUID    = 1000
	probeEvery = 50 * time.Millisecond
)

// Spec says what cluster to run.
type Spec struct {
	RunID  string
	Folder string // the run's, absolute
	Nodes  int
	Image  string
	// AgentBinary and NodeBinary are files on this machine, statically linked.
	AgentBinary string
	NodeBinary  string
	// Command is the command line that follows /partita/node in a container,
	// given every node's name and its peer address, host:port.
	Command func(name string, peers map[string]string) []string
	Token   string
	// Clocks says that nodes are to be started with clocks that can be skewed.
	Clocks bool
	// Capabilities are those that the run's faults need beyond what every
	// container has.
	Capabilities []string
}

// Validate says what is missing.
func (s Spec) Validate() error {
	switch {
	case s.RunID == "" || s.Token == "" || s.Image == "":
		return errors.New("docker: run id, token and image must not be empty")
	case !filepath.IsAbs(s.Folder):
		return fmt.Errorf("docker: the run's folder %q must be absolute", s.Folder)
	case s.Nodes < 1 || s.Nodes > 9:
		return fmt.Errorf("docker: %d nodes; 1 to 9 are allowed", s.Nodes)
	case s.Command == nil:
		return errors.New("docker: no command")
	}
	return nil
}

// NodeName is the name of the i-th node, counted from 1.
func NodeName(i int) string { return fmt.Sprintf("n%d", i) }

func (s Spec) names() []string {
	var names []string
	for i := range s.Nodes {
		names = append(names, NodeName(i+1))
	}
	return names
}

// name is that of a node's container and volume, or of the network.
func (s Spec) name(node string) string {
	if node == "" {
		return "partita-" + s.RunID
	}
	return "partita-" + s.RunID + "-" + node
}

func (s Spec) labels(node string) map[string]string {
	labels := map[string]string{labelRun: s.RunID, labelFolder: s.Folder}
	if node != "" {
		labels[labelNode] = node
	}
	return labels
}

// agentConfig is the configuration of one node's agent.
func (s Spec) agentConfig(node string, hosts map[string]string) wire.Config {
	peers := map[string]string{}
	for name, host := range hosts {
		peers[name] = fmt.Sprintf("%s:%d", host, PeerPort)
	}
	return wire.Config{
		RunID: s.RunID, Node: node, Peers: hosts, Token: s.Token,
		Command: append([]string{"/partita/node"}, s.Command(node, peers)...),
		UID:     nodeUID, Data: DataDir, Log: logPath,
		AgentPort: agentPort, PeerPort: PeerPort, ProbePort: probePort,
		ProbeEvery: int(probeEvery / time.Millisecond),
		Clocks:     s.Clocks,
	}
}

// payload is what is copied into every container of a run: the binaries, read
// once.
type payload struct{ agent, node []byte }

func (s Spec) payload() (payload, error) {
	agent, err := os.ReadFile(s.AgentBinary)
	if err != nil {
		return payload{}, fmt.Errorf("docker: agent binary: %w", err)
	}
	node, err := os.ReadFile(s.NodeBinary)
	if err != nil {
		return payload{}, fmt.Errorf("docker: node binary: %w", err)
	}
	return payload{agent, node}, nil
}

// archive packs binaries and configuration for the root of a container.
func (p payload) archive(config wire.Config) ([]byte, error) {
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("docker: agent configuration: %w", err)
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range []struct {
		name string
		mode int64
		data []byte
	}{
		{"partita/", 0o755, nil},
		{"partita/agent", 0o755, p.agent},
		{"partita/node", 0o755, p.node},
		{"partita/log/", 0o755, nil},
		{"etc/partita/", 0o700, nil},
		{"etc/partita/agent.json", 0o600, text}, // the token is in it
	} {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), Typeflag: tar.TypeReg}
		if f.data == nil {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("docker: pack %s: %w", f.name, err)
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, fmt.Errorf("docker: pack %s: %w", f.name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("docker: pack: %w", err)
	}
	return out.Bytes(), nil
}
