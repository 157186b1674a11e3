package labs

import (
	"encoding/binary"
	"fmt"
	"time"

	"partita/raft"
	"partita/raft/core"
	"partita/raft/transport"
)

// ApplyMsg is what the state machine is to do next: one command, or a
// snapshot that replaces its state.
type ApplyMsg struct {
	CommandValid bool
	Command      any // an int or a string
	CommandIndex int

	SnapshotValid bool
	Snapshot      []byte
	SnapshotTerm  int
	SnapshotIndex int
}

// snapshotChunk makes a snapshot of the tests a few pieces.
const snapshotChunk = 500

// Raft is a raft.Raft with the labs' face.
type Raft struct {
	raft      *raft.Raft
	inbox     chan core.Envelope
	persister *Persister
	ended     chan struct{} // closed when nothing more is sent to the apply channel
}

// Make starts server number me on what its persister holds. Peers are the ends
// to every server, its own among them. The apply channel is closed after Kill.
func Make(peers []*End, me int, persister *Persister, applyCh chan ApplyMsg, seed uint64) (*Raft, error) {
	var voters []core.NodeID
	for i := range peers {
		voters = append(voters, member(i))
	}
	cfg := raft.DefaultConfig(member(me), voters)
	cfg.ElectionTimeout, cfg.ElectionJitter, cfg.Heartbeat = 400*time.Millisecond, 400*time.Millisecond, 100*time.Millisecond
	cfg.NoNoop, cfg.SnapshotChunk, cfg.Seed = true, snapshotChunk, seed
	cfg.CompactTail, cfg.MaxTailBytes = 0, 0 // the labs want a log cut at once
	rf := &Raft{inbox: make(chan core.Envelope, 4096), persister: persister, ended: make(chan struct{})}
	applied := make(chan raft.ApplyMsg)
	var err error
	if rf.raft, err = raft.Make(cfg, storage{persister}, wire{peers, rf.inbox}, applied); err != nil {
		return nil, err
	}
	go rf.hand(applied, applyCh)
	return rf, nil
}

// member is the name of server number i, which may not be zero.
func member(i int) core.NodeID { return core.NodeID(i + 1) }

// Start proposes a command if this server leads.
func (rf *Raft) Start(command any) (index, term int, isLeader bool) {
	at, in, leads := rf.raft.Start(encode(command))
	return int(at), int(in), leads
}

// GetState is the server's term and whether it believes to lead in it.
func (rf *Raft) GetState() (term int, isLeader bool) {
	in, leads := rf.raft.GetState()
	return int(in), leads
}

// Snapshot lets the log up to an index go.
func (rf *Raft) Snapshot(index int, data []byte) error {
	return rf.raft.Snapshot(core.Index(index), data)
}

// Kill ends the server and waits until it has ended.
func (rf *Raft) Kill() {
	rf.raft.Stop()
	<-rf.ended
}

// Receive takes what the network brings.
func (rf *Raft) Receive(message []byte) {
	e, err := transport.Decode(message)
	if err != nil {
		panic(fmt.Sprintf("labs: the network does not change messages: %v", err))
	}
	select {
	case rf.inbox <- e:
	default: // full: lost, as a network may lose it
	}
}

// hand gives the labs' channel what comes from raft's, a message a command.
func (rf *Raft) hand(from <-chan raft.ApplyMsg, to chan<- ApplyMsg) {
	defer close(rf.ended)
	defer close(to)
	for msg := range from {
		if s := msg.Snapshot; s != nil {
			to <- ApplyMsg{SnapshotValid: true, Snapshot: s.Data, SnapshotTerm: int(s.Meta.Term), SnapshotIndex: int(s.Meta.Index)}
		}
		for _, e := range msg.Entries {
			to <- ApplyMsg{CommandValid: e.Kind == core.Command, Command: decode(e.Data), CommandIndex: int(e.Index)}
		}
	}
}

// wire is raft's side of a server's ends.
type wire struct {
	ends  []*End
	inbox chan core.Envelope
}

func (w wire) Send(e core.Envelope) {
	w.ends[e.To-1].Send(transport.Encode(nil, e), answers(e.Message))
}

func (w wire) Receive() <-chan core.Envelope { return w.inbox }
func (w wire) Close() error                  { return nil }

// answers says whether a message would be the reply of a remote procedure call.
func answers(m core.Message) bool {
	switch m.(type) {
	case core.PreVoteReply, core.VoteReply, core.AppendReply, core.HeartbeatReply, core.SnapshotReply, core.ReadIndexReply, core.ForwardReply:
		return true
	}
	return false
}

// The first byte of a command says what the labs made it of.
const (
	number = 'i'
	text   = 's'
)

func encode(command any) []byte {
	switch c := command.(type) {
	case int:
		return binary.AppendVarint([]byte{number}, int64(c))
	case string:
		return append([]byte{text}, c...)
	}
	panic(fmt.Sprintf("labs: a command is an int or a string, not %T", command))
}

func decode(b []byte) any {
	if len(b) > 0 && b[0] == text {
		return string(b[1:])
	}
	if len(b) > 0 && b[0] == number {
		if v, n := binary.Varint(b[1:]); n == len(b)-1 {
			return int(v)
		}
	}
	return fmt.Sprintf("no command: %q", b)
}
