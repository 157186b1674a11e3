package checker

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"partita/harness/cluster"
	"partita/nemesis/wire"
	"partita/node/api"
)

// NodeRecord is what a node left behind.
type NodeRecord struct {
	Node  string
	Exits []wire.Exit
	Log   []wire.LogLine
}

// Disk faults excuse the exit of a node whose disk fails: those of this kind,
// and of a shape that begins so (a slow disk excuses nothing).
const (
	diskKind    = "disk"
	failingDisk = "fail-"
)

// diskMargin is how long before a disk fault was in force on every node it was
// on the first, and how long after the heal a node may end of it.
const diskMargin = time.Second

// Crashes asks whether every node lived until somebody ended it: one that
// exited on its own, or wrote the first line of a panic or of a fatal error of
// Go's runtime, makes a run invalid. One exit is excused: that of a node which
// says with its code that its disk has failed while a fault let it fail. The
// run began at startNS on the shared clock. No record at all is unknown.
func Crashes(nodes []NodeRecord, faults []cluster.Fault, startNS int64) Result {
	if len(nodes) == 0 {
		return Result{Verdict: Unknown, Reason: "no node's record was collected"}
	}
	var reasons []string
	for _, node := range nodes {
		excused := func(e wire.Exit) bool {
			return e.Code == api.ExitStorage && diskFailed(node.Node, time.Duration(e.At-startNS), faults)
		}
		if why := crash(node, excused); why != "" {
			reasons = append(reasons, why)
		}
	}
	if len(reasons) > 0 {
		return Result{Verdict: Invalid, Reason: strings.Join(reasons, "; ")}
	}
	return Result{Verdict: Valid}
}

// diskFailed says whether a fault may have let the node's disk fail at the
// instant or shortly before.
func diskFailed(node string, at time.Duration, faults []cluster.Fault) bool {
	return slices.ContainsFunc(faults, func(f cluster.Fault) bool {
		return f.Nemesis == diskKind && strings.HasPrefix(f.Shape, failingDisk) && slices.Contains(f.Nodes, node) &&
			at >= f.At-diskMargin && at <= f.Healed+diskMargin
	})
}

// crash says how a node first failed on its own without an excuse, or nothing.
func crash(node NodeRecord, excused func(wire.Exit) bool) string {
	line := ""
	for _, l := range node.Log {
		if strings.HasPrefix(l.Line, "panic:") || strings.HasPrefix(l.Line, "fatal error:") {
			line = l.Line
			break
		}
	}
	for _, exit := range node.Exits {
		if exit.Asked || excused(exit) {
			continue
		}
		how := fmt.Sprintf("with code %d", exit.Code)
		if exit.Signal != "" {
			how = "by " + exit.Signal
		}
		if line == "" {
			line = lastBefore(node.Log, exit.At)
		}
		return strings.TrimSuffix(fmt.Sprintf("%s exited on its own %s: %s", node.Node, how, line), ": ")
	}
	if line != "" {
		return fmt.Sprintf("%s logged %s", node.Node, line)
	}
	return ""
}

// lastBefore is the last line written up to an exit.
func lastBefore(log []wire.LogLine, at int64) string {
	line := ""
	for _, l := range log {
		if l.At <= at && l.Line != "" {
			line = l.Line
		}
	}
	return line
}
