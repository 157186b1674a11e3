// Package wire is what the harness and a container's agent say to each other:
// JSON over HTTP, every request with the run's token in the header
// "Authorization: Bearer TOKEN".
//
// Instants are nanoseconds on the host's CLOCK_MONOTONIC, which all
// containers and the harness share.
package wire

// Paths. All are POST but the GETs named so.
const (
	PathStart  = "/v1/start"  // start the node if it does not run
	PathStop   = "/v1/stop"   // SIGTERM, wait for the exit
	PathKill   = "/v1/kill"   // SIGKILL, wait for the exit
	PathPause  = "/v1/pause"  // SIGSTOP, wait until every thread is stopped
	PathResume = "/v1/resume" // SIGCONT
	PathDrop   = "/v1/drop"   // Drop: the chain holds exactly these rules
	// PathHeal flushes the chain, ends the rules about packets, makes the disk
	// healthy, sets clocks to rate 1 and resumes: every fault off, but that a
	// node that does not run is not started.
	PathHeal    = "/v1/heal"
	PathClock   = "/v1/clock"   // Clock: skew the node's clocks
	PathPackets = "/v1/packets" // Packets: what arrives is lost, late, twice or out of order
	PathPower   = "/v1/power"   // Power: lose power, wait for it
	PathDisk    = "/v1/disk"    // Disk: syncs are slow or fail
	PathState   = "/v1/state"   // GET State
	PathProbes  = "/v1/probes"  // GET Probes
	PathLog     = "/v1/log"     // GET the node's log so far, stamped, as JSON lines of LogLine
)

// Config is the agent's configuration, a JSON file in the container.
type Config struct {
	RunID string            `json:"run_id"`
	Node  string            `json:"node"`  // this node's name
	Peers map[string]string `json:"peers"` // every node's name to its address, this one's included
	Token string            `json:"token"`
	// Command starts the node; Env are its additional variables.
	Command []string `json:"command"`
	Env     []string `json:"env,omitempty"`
	UID     int      `json:"uid"`  // the node runs as this user and group
	Data    string   `json:"data"` // the node's data directory, chowned to UID
	Log     string   `json:"log"`  // where the stamped log is kept
	// Ports: the agent's own, the peers' transport (the target of one-way cuts)
	// and the probes'.
	AgentPort int `json:"agent_port"`
	PeerPort  int `json:"peer_port"`
	ProbePort int `json:"probe_port"`
	// ProbeEvery is the interval between probes, in milliseconds.
	ProbeEvery int `json:"probe_every_ms"`
	// Clocks says that the node is to be started under ptrace with the vDSO
	// replaced, so that its clocks can be skewed later.
	Clocks bool `json:"clocks"`
}

// Done answers a command: what it took, on the shared clock. PIDs are of the
// node inside the container, zero when it does not run.
type Done struct {
	Began int64 `json:"began"`
	Ended int64 `json:"ended"`
	PID   int   `json:"pid"`
}

// Error is the body of every answer that is not 200.
type Error struct {
	Message string `json:"message"`
}

// Drop asks for exactly these rules in the agent's chain. An empty list heals
// the network.
type Drop struct {
	Rules []Rule `json:"rules"`
}

// Rule drops what From sends to this node. With OneWay only what From sends
// to the peer port and the probe port is dropped, so that From still gets the
// acknowledgements of what this node sends it.
type Rule struct {
	From   string `json:"from"` // a node's name
	OneWay bool   `json:"one_way,omitempty"`
}

// Clock asks for a skew of the node's clocks from now on. Offsets are in
// nanoseconds and relative to the true clock at this moment; a rate of 1 is
// true. Monotonic time is never set back: an offset that would is refused.
// A field left out leaves that clock as it is.
type Clock struct {
	Realtime  *Skew `json:"realtime,omitempty"`
	Monotonic *Skew `json:"monotonic,omitempty"`
}

// Skew is one clock's offset and rate.
type Skew struct {
	Offset int64   `json:"offset"`
	Rate   float64 `json:"rate"`
}

// State is what an agent knows of its container.
type State struct {
	Node    string `json:"node"`
	Now     int64  `json:"now"`     // the shared clock, CLOCK_MONOTONIC
	PID     int    `json:"pid"`     // zero when the node does not run
	Stopped bool   `json:"stopped"` // by SIGSTOP, as /proc says
	Boots   int    `json:"boots"`   // how often the node was started
	// Exits lists every end of the node, in order.
	Exits []Exit `json:"exits"`
	// Rules holds the chain as it stands, read back from iptables with the
	// packets that each rule has dropped.
	Rules []RuleCount `json:"rules"`
	// Dropped counts the node's own packets dropped in the whole run, probes
	// apart.
	Dropped uint64 `json:"dropped"`
	// Clock is the skew in force, offsets as they stand at Now; Realtime and
	// Monotonic are the true clocks at Now, to be compared with the node's own
	// /v1/clock.
	Clock     Clock `json:"clock"`
	Realtime  int64 `json:"realtime"`
	Monotonic int64 `json:"monotonic"`
	// PacketRules and DiskTrouble are what is in force of PathPackets and
	// PathDisk. A FailSync or FailWrite counts down and is zero once it has
	// failed.
	PacketRules []PacketRule `json:"packet_rules,omitempty"`
	DiskTrouble Disk         `json:"disk_trouble,omitzero"`
	// Packets, Power and Disk count what these faults did in the whole run.
	Packets PacketCount `json:"packets,omitzero"`
	Power   PowerCount  `json:"power,omitzero"`
	Disk    DiskCount   `json:"disk,omitzero"`
}

// RuleCount is a rule in force and what it has dropped: packets of the node
// and packets of probes.
type RuleCount struct {
	Rule   Rule   `json:"rule"`
	Node   uint64 `json:"node_packets"`
	Probes uint64 `json:"probe_packets"`
}

// Exit is one end of the node's process.
type Exit struct {
	At     int64  `json:"at"`
	PID    int    `json:"pid"`
	Code   int    `json:"code"`             // -1 when ended by a signal
	Signal string `json:"signal,omitempty"` // its name, or SignalPower
	Asked  bool   `json:"asked"`            // by a command of the harness
}

// Probes lists the probes that arrived with a sending time in [since, until)
// on the shared clock (both given as query parameters "since" and "until", in
// nanoseconds), by sender. Sent lists what this node sent.
type Probes struct {
	Node     string             `json:"node"`
	Now      int64              `json:"now"`
	Received map[string][]Probe `json:"received"`
	Sent     []Probe            `json:"sent"`
}

// Probe is one numbered datagram and its sending time.
type Probe struct {
	Number uint64 `json:"n"`
	At     int64  `json:"at"`
}

// LogLine is one line that the node wrote, stamped by the agent.
type LogLine struct {
	At   int64  `json:"at"`
	Line string `json:"line"`
}
