package nemesis

import (
	"fmt"
	"slices"
	"strings"

	"partita/nemesis/wire"
)

// Cut is one direction in which nothing passes: To drops what From sends. With
// OneWay it drops only what is meant for its peer port and its probe port, so
// that From still gets acknowledgements of what To sends it.
type Cut struct {
	From, To string
	OneWay   bool
}

// String writes the direction as an arrow.
func (c Cut) String() string { return c.From + ">" + c.To }

// Grudge says who drops whose packets. It is sorted by receiver, then by
// sender, and names a direction once.
type Grudge []Cut

// Has says whether the direction is cut.
func (g Grudge) Has(from, to string) bool {
	return slices.ContainsFunc(g, func(c Cut) bool { return c.From == from && c.To == to })
}

// Rules is what the agent of a node is to be told.
func (g Grudge) Rules(node string) wire.Drop {
	drop := wire.Drop{Rules: []wire.Rule{}}
	for _, c := range g {
		if c.To == node {
			drop.Rules = append(drop.Rules, wire.Rule{From: c.From, OneWay: c.OneWay})
		}
	}
	return drop
}

// The shapes of partitions.
const (
	Majority      = "majority"       // a majority keeps together, every other node is alone
	MinorityThird = "minority-third" // fewer than a third of the nodes, as a group, are cut off
	Halves        = "halves"         // two groups, as even as can be
	One           = "one"            // one node is alone
	Leader        = "leader"         // the leader is alone
	Ring          = "ring"           // each node sees the neighbours that make a majority with it, each another one
	Bridge        = "bridge"         // two groups that share one node
	OneWay        = "one-way"        // a minority hears nothing of the rest, and the rest hears it
	Flapping      = "flapping"       // halves that come and go
)

// shape makes a grudge from the nodes in a drawn order. Who is cut off stands
// in front. Nodes is the smallest cluster in which it cuts anything as meant.
type shape struct {
	name  string
	nodes int
	make  func(order []string) Grudge
}

// shapes is the table of all shapes, in the order in which they are listed.
var shapes = []shape{
	{Majority, 3, func(order []string) Grudge { return split(alone(order, (len(order)-1)/2)) }},
	{MinorityThird, 4, func(order []string) Grudge { return split(cutOff(order, (len(order)-1)/3)) }},
	{Halves, 2, func(order []string) Grudge { return split(cutOff(order, len(order)/2)) }},
	{One, 2, func(order []string) Grudge { return split(cutOff(order, 1)) }},
	{Leader, 2, func(order []string) Grudge { return split(cutOff(order, 1)) }},
	{Ring, 4, ring},
	{Bridge, 3, bridge},
	{OneWay, 2, deaf},
	{Flapping, 2, func(order []string) Grudge { return split(cutOff(order, len(order)/2)) }},
}

// Shapes lists the shapes of partitions that a cluster of so many nodes can
// have.
func Shapes(nodes int) []string {
	var names []string
	for _, s := range shapes {
		if nodes >= s.nodes {
			names = append(names, s.name)
		}
	}
	return names
}

// NewGrudge makes the grudge of a shape from the nodes in a drawn order: those
// to be cut off stand in front.
func NewGrudge(name string, order []string) (Grudge, error) {
	if err := fits(name, len(order)); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(shapes, func(s shape) bool { return s.name == name })
	g := shapes[i].make(order)
	slices.SortFunc(g, func(a, b Cut) int {
		if d := strings.Compare(a.To, b.To); d != 0 {
			return d
		}
		return strings.Compare(a.From, b.From)
	})
	return g, nil
}

// fits says what is wrong with a shape in a cluster of so many nodes.
func fits(name string, nodes int) error {
	for _, s := range shapes {
		switch {
		case s.name != name:
		case nodes >= s.nodes:
			return nil
		case nodes < 2:
			return fmt.Errorf("shape %q cuts one node from another: a cluster of %d has none to cut", name, nodes)
		default:
			return fmt.Errorf("shape %q needs at least %d nodes and the cluster has %d (which can have %s)",
				name, s.nodes, nodes, strings.Join(Shapes(nodes), ", "))
		}
	}
	return fmt.Errorf("unknown shape %q: %s", name, allowed(name, Shapes(max(nodes, 5))))
}

// alone makes each of the first n nodes a group of its own and one group of
// the rest.
func alone(order []string, n int) [][]string {
	groups := [][]string{order[n:]}
	for _, node := range order[:n] {
		groups = append(groups, []string{node})
	}
	return groups
}

// cutOff makes two groups: the first n nodes and the rest.
func cutOff(order []string, n int) [][]string { return [][]string{order[:n], order[n:]} }

// split cuts every group from every other, both ways.
func split(groups [][]string) Grudge {
	var g Grudge
	for i, a := range groups {
		for j, b := range groups {
			if i == j {
				continue
			}
			for _, from := range a {
				for _, to := range b {
					g = append(g, Cut{From: from, To: to})
				}
			}
		}
	}
	return g
}

// ring lets each node see, on both sides of the ring, as many neighbours as it
// takes to have a majority.
func ring(order []string) Grudge {
	n := len(order)
	reach := (n/2 + 1) / 2 // on each side: 1+2*reach is a majority
	var g Grudge
	for i, from := range order {
		for j, to := range order {
			distance := (j - i + n) % n
			if min(distance, n-distance) > reach {
				g = append(g, Cut{From: from, To: to})
			}
		}
	}
	return g
}

// bridge cuts two groups from each other and from nobody else: the last node
// is in neither.
func bridge(order []string) Grudge {
	rest := order[:len(order)-1]
	return split(cutOff(rest, len(rest)/2))
}

// deaf cuts a minority from what the rest says (of two nodes, one).
func deaf(order []string) Grudge {
	n := max(1, (len(order)-1)/2)
	var g Grudge
	for _, to := range order[:n] {
		for _, from := range order[n:] {
			g = append(g, Cut{From: from, To: to, OneWay: true})
		}
	}
	return g
}
