package checker

import (
	"fmt"
	"strings"

	"partita/nemesis/wire"
)

// NodeRecord is what a node left behind.
type NodeRecord struct {
	Node  string
	Exits []wire.Exit
	Log   []wire.LogLine
}

// Crashes asks whether every node lived until somebody ended it: one that
// exited on its own, or wrote the first line of a panic or of a fatal error of
// Go's runtime, makes a run invalid. No record at all is unknown.
func Crashes(nodes []NodeRecord) Result {
	if len(nodes) == 0 {
		return Result{Verdict: Unknown, Reason: "no node's record was collected"}
	}
	var reasons []string
	for _, node := range nodes {
		if why := crash(node); why != "" {
			reasons = append(reasons, why)
		}
	}
	if len(reasons) > 0 {
		return Result{Verdict: Invalid, Reason: strings.Join(reasons, "; ")}
	}
	return Result{Verdict: Valid}
}

// crash says how a node first failed on its own, or nothing.
func crash(node NodeRecord) string {
	line := ""
	for _, l := range node.Log {
		if strings.HasPrefix(l.Line, "panic:") || strings.HasPrefix(l.Line, "fatal error:") {
			line = l.Line
			break
		}
	}
	for _, exit := range node.Exits {
		if exit.Asked {
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
