package trace

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// Nodes lists the nodes that steps tell of, n2 before n10.
func Nodes(steps []Step) []string {
	var names []string
	seen := map[string]bool{"": true}
	for _, s := range steps {
		for _, name := range []string{s.Node, s.Peer} {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	return names
}

// Past marks the steps that led to the violations: what happened before on the
// nodes concerned, before the sending of what those had taken, and so on
// (Lamport's happened-before). Losses and faults of the whole cluster cause
// nothing but explain what did not happen: marked are the losses of marked
// messages and all such faults up to the last violation.
//
// The nodes concerned are the violation's Node and Peer and those that its Text
// names; if there are none, the node of the step before it. Without a
// violation nothing is marked.
func Past(steps []Step) []bool {
	past := make([]bool, len(steps))
	nodes := Nodes(steps)
	until := 0                   // the last violation
	wanted := map[string]bool{}  // nodes, of which all that is earlier counts
	wantedSend := map[int]bool{} // messages that were taken in the past
	sentInPast := map[int]bool{} // messages that were sent in it
	for i, s := range slices.Backward(steps) {
		switch {
		case s.Kind == Violation:
			until = max(until, i)
			for _, node := range rootsOf(steps[:i+1], nodes) {
				wanted[node] = true
			}
			past[i] = true
			continue
		case s.Kind == Drop:
			continue
		case s.Kind == Send && wantedSend[s.Message]:
		case s.Node != "" && wanted[s.Node]:
		default:
			continue
		}
		past[i], wanted[s.Node] = true, true
		switch s.Kind {
		case Deliver:
			wantedSend[s.Message] = true
		case Send:
			sentInPast[s.Message] = true
		}
	}
	for i, s := range steps[:until] {
		lost := s.Kind == Drop && sentInPast[s.Message]
		past[i] = past[i] || lost || s.Kind == Fault && s.Node == ""
	}
	return past
}

// rootsOf lists the nodes from which to look back from the violation
// that steps end with.
func rootsOf(steps []Step, nodes []string) []string {
	last := len(steps) - 1
	roots := Concerned(steps[last], nodes)
	if len(roots) == 0 && last > 0 && steps[last-1].Node != "" {
		roots = append(roots, steps[last-1].Node)
	}
	return roots
}

// Concerned lists those of the nodes that a step is about: its Node, its Peer
// and those that its Text names.
func Concerned(s Step, nodes []string) []string {
	words := strings.FieldsFunc(s.Text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_'
	})
	words = append(words, s.Node, s.Peer)
	var found []string
	for _, node := range nodes {
		if slices.Contains(words, node) {
			found = append(found, node)
		}
	}
	return found
}
