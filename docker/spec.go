package docker

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
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
	agentPath  = "/partita/agent"
	nodePath   = "/partita/node"
	configPath = "/etc/partita/agent.json"
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

// Validate says what is missing or impossible.
func (s Spec) Validate() error {
	switch {
	case !validRunID(s.RunID):
		return fmt.Errorf("docker: run id %q: letters, digits, '.', '_' and '-' are allowed, a letter or digit first", s.RunID)
	case s.Token == "" || s.Image == "":
		return errors.New("docker: token and image must not be empty")
	case !filepath.IsAbs(s.Folder):
		return fmt.Errorf("docker: the run's folder %q must be absolute", s.Folder)
	case s.Nodes < 1 || s.Nodes > 9:
		return fmt.Errorf("docker: %d nodes; 1 to 9 are allowed", s.Nodes)
	case s.Command == nil:
		return errors.New("docker: no command")
	}
	return nil
}

// validRunID says whether the engine takes an id in names.
func validRunID(id string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return id != "" && len(id) <= 64 && strings.ContainsAny(id[:1], letters) && strings.Trim(id, letters+"_.-") == ""
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
		Command: append([]string{nodePath}, s.Command(node, peers)...),
		UID:     nodeUID, Data: DataDir, Log: logPath,
		AgentPort: agentPort, PeerPort: PeerPort, ProbePort: probePort,
		ProbeEvery: int(probeEvery / time.Millisecond),
		Clocks:     s.Clocks,
	}
}
