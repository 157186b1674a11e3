package trace

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Kind says what kind of thing happened.
type Kind string

// The kinds of steps.
const (
	Send      Kind = "send"      // Node sent a message to Peer
	Deliver   Kind = "deliver"   // Node took a message of Peer
	Drop      Kind = "drop"      // a message of Peer to Node was lost
	Timer     Kind = "timer"     // a timer of Node ran out
	Durable   Kind = "durable"   // what Node wrote is on its disk
	Apply     Kind = "apply"     // Node's state machine took entries, or a snapshot
	Change    Kind = "change"    // Node changed its role, term or leader
	Start     Kind = "start"     // Node started from what its disk holds
	Crash     Kind = "crash"     // Node died
	Invoke    Kind = "invoke"    // a client asked Node for something
	Complete  Kind = "complete"  // and got its answer, or gave up
	Fault     Kind = "fault"     // the nemesis did something, to Node if it names one
	Violation Kind = "violation" // a rule was broken
)

// Step is one thing that happened.
type Step struct {
	Number  int           `json:"step"`              // counted from 1
	At      time.Duration `json:"at"`                // since the run began; 0 in an exhaustive search, which has no time
	Kind    Kind          `json:"kind"`              // which of the fields below are set
	Node    string        `json:"node,omitempty"`    // to whom it happened
	Peer    string        `json:"peer,omitempty"`    // the other end of a message
	Message int           `json:"message,omitempty"` // number of the message, the same for Send, Deliver and Drop
	Text    string        `json:"text"`              // what happened: "Append term 3: entry 5 after (4, term 2), commit 4"
	State   string        `json:"state,omitempty"`   // Node afterwards: "leader, term 3, log to 5 (term 3), commit 4"
}

// Write writes steps, one line each.
func Write(w io.Writer, steps []Step) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for _, s := range steps {
		if err := enc.Encode(s); err != nil {
			return fmt.Errorf("trace: write step %d: %w", s.Number, err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("trace: write: %w", err)
	}
	return nil
}

// Read reads what Write wrote. An error names the line.
func Read(r io.Reader) ([]Step, error) {
	var steps []Step
	in := bufio.NewReader(r)
	for line := 1; ; line++ {
		text, err := in.ReadBytes('\n')
		if err == io.EOF && len(bytes.TrimSpace(text)) == 0 {
			return steps, nil
		}
		if err != nil && err != io.EOF {
			return steps, fmt.Errorf("trace: line %d: %w", line, err)
		}
		var s Step
		if err := json.Unmarshal(text, &s); err != nil {
			return steps, fmt.Errorf("trace: line %d: %w", line, err)
		}
		steps = append(steps, s)
	}
}
