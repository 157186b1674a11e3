package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"partita/harness/history"
	"partita/node/api"
)

// laneStep is the height of a node's lane with its gap; laneTall without.
const (
	laneStep = 30.0
	laneTall = 22.0
)

// roleLane is one node's roles over time.
type roleLane struct {
	Node  string
	Y     float64
	Roles []roleSpan
}

// roleSpan is a stretch in which a node kept role, term and leader.
type roleSpan struct {
	Class    string // leader, candidate, follower, down or unknown
	X, Width float64
	Label    string // empty where it does not fit
	Title    string
	from, to time.Duration
	what     string
}

// data is the lane for the page's hover.
func (l roleLane) data() laneData {
	d := laneData{Node: l.Node, Spans: []span{}}
	for _, r := range l.Roles {
		d.Spans = append(d.Spans, span{r.from.Seconds(), r.to.Seconds(), r.what})
	}
	return d
}

// roleChange is what a node said of itself, or its end.
type roleChange struct {
	at     time.Duration
	role   string
	term   uint64
	leader string
	reason string
}

// logged is what a report reads in a node's log line.
type logged struct {
	Message string `json:"msg"`
	Role    string `json:"role"`
	Term    uint64 `json:"term"`
	Leader  string `json:"leader"`
	Reason  string `json:"reason"`
}

// roleLanes reads every node's roles from its log.
func roleLanes(in Input, s scale) []roleLane {
	var lanes []roleLane
	for i, node := range nodesOf(in) {
		lane := roleLane{Node: node, Y: plotTop + float64(i)*laneStep}
		changes := changesOf(in, node)
		for j, c := range changes {
			to := s.end
			if j+1 < len(changes) {
				to = changes[j+1].at
			}
			if to <= 0 || c.at >= s.end {
				continue
			}
			lane.Roles = append(lane.Roles, spanOf(node, c, max(0, c.at), min(to, s.end), s))
		}
		lane.Roles = mergeNarrow(lane.Roles)
		lanes = append(lanes, lane)
	}
	return lanes
}

// nodesOf names the nodes, from whatever knows them.
func nodesOf(in Input) []string {
	if len(in.Nodes) > 0 {
		return in.Nodes
	}
	var nodes []string
	for node := range in.Logs {
		nodes = append(nodes, node)
	}
	slices.Sort(nodes)
	return nodes
}

// changesOf lists what a node's log and its agent say of its roles, by time.
func changesOf(in Input, node string) []roleChange {
	start := in.Results.MonotonicStartNS
	var changes []roleChange
	for _, l := range in.Logs[node] {
		var line logged
		if json.Unmarshal([]byte(l.Line), &line) != nil || line.Message != api.LogChanged {
			continue
		}
		changes = append(changes, roleChange{time.Duration(l.At - start), line.Role, line.Term, line.Leader, line.Reason})
	}
	for _, state := range in.States {
		if state.Node != node {
			continue
		}
		for _, exit := range state.Exits {
			changes = append(changes, roleChange{at: time.Duration(exit.At - start), role: "down"})
			// It is up again when it next writes a line.
			for _, l := range in.Logs[node] {
				if l.At > exit.At {
					changes = append(changes, roleChange{at: time.Duration(l.At - start), role: "starting"})
					break
				}
			}
		}
	}
	slices.SortStableFunc(changes, func(a, b roleChange) int {
		// A line that tells the role is worth more than being up at all.
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(rankOf(a.role), rankOf(b.role)))
	})
	return changes
}

func rankOf(role string) int {
	if role == "starting" {
		return 0
	}
	return 1
}

func spanOf(node string, c roleChange, from, to time.Duration, s scale) roleSpan {
	r := roleSpan{from: from, to: to, X: s.x(from)}
	r.Width = math.Max(0.6, math.Round((s.x(to)-r.X)*10)/10)
	switch c.role {
	case "leader":
		r.Class, r.what = "leader", fmt.Sprintf("leader, term %d", c.term)
	case "candidate", "pre-candidate":
		r.Class, r.what = "candidate", fmt.Sprintf("%s, term %d", c.role, c.term)
	case "follower":
		r.Class, r.what = "follower", fmt.Sprintf("follower of %s, term %d", cmp.Or(c.leader, "nobody"), c.term)
		if c.leader == "" {
			r.Class = "orphan"
		}
	case "down":
		r.Class, r.what = "down", "down"
	default:
		r.Class, r.what = "unknown", clip(c.role, 20)
	}
	r.Title = fmt.Sprintf("%s: %s, %s to %s", node, r.what, instant(from), instant(to))
	if c.reason != "" {
		r.Title += " (" + clip(c.reason, 120) + ")"
	}
	label := fmt.Sprintf("%d", c.term)
	switch {
	case r.Class == "leader" && r.Width > 80:
		label = fmt.Sprintf("leader, term %d", c.term)
	case r.Class == "leader" && r.Width > 30:
		label = fmt.Sprintf("L %d", c.term)
	case r.Class == "down" && r.Width > 34:
		label = "down"
	case r.Class == "candidate" && r.Width > 26:
		label = fmt.Sprintf("? %d", c.term)
	case r.Class == "down" || r.Class == "unknown" || r.Width < 9*float64(len(label)):
		label = ""
	}
	r.Label = label
	return r
}

// spansMax bounds the drawn stretches of one node.
const spansMax = 1200

// mergeNarrow leaves out every so many of the narrowest stretches when there
// are too many to be seen.
func mergeNarrow(spans []roleSpan) []roleSpan {
	least := 0.6
	for len(spans) > spansMax {
		least *= 2
		var kept []roleSpan
		for _, s := range spans {
			if n := len(kept); n > 0 && s.Width < least {
				kept[n-1].Width += s.Width
				kept[n-1].to = s.to
				continue
			}
			kept = append(kept, s)
		}
		spans = kept
	}
	return spans
}

// faultsNear says in words which faults were in force around an operation.
func faultsNear(in Input, op history.Operation) string {
	to := op.Complete.Time
	if to == history.Never {
		to = op.Invoke.Time
	}
	numbers := during(in.Faults, op.Invoke.Time, to)
	if len(numbers) == 0 {
		return "none"
	}
	words := ""
	for i, n := range numbers {
		if i > 0 {
			words += "; "
		}
		words += fmt.Sprintf("%d %s", n, faultName(in.Faults[n-1]))
	}
	return words
}
