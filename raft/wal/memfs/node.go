package memfs

import (
	"maps"
	"math/rand/v2"
)

// node is a file: what is on the disk, what its users see, and the changes
// that lead from one to the other.
type node struct {
	durable []byte
	visible []byte
	changes []change
}

// change is a write, or a truncation if data is nil.
type change struct {
	offset int64 // of a truncation: the size
	data   []byte
}

func (c change) apply(content []byte) []byte {
	if c.data == nil {
		return resize(content, c.offset)
	}
	if end := c.offset + int64(len(c.data)); end > int64(len(content)) {
		content = resize(content, end)
	}
	copy(content[c.offset:], c.data)
	return content
}

// resize cuts content or fills it up with zeros.
func resize(content []byte, size int64) []byte {
	if size <= int64(len(content)) {
		return content[:size]
	}
	if size > int64(cap(content)) {
		grown := make([]byte, size, 2*size) // logs are written bit by bit
		copy(grown, content)
		return grown
	}
	end := len(content)
	content = content[:size]
	clear(content[end:])
	return content
}

func (n *node) change(c change) {
	n.visible = c.apply(n.visible)
	n.changes = append(n.changes, c)
}

func (n *node) sync() {
	for _, c := range n.changes {
		n.durable = c.apply(n.durable)
	}
	n.changes = nil
}

// crash leaves of each sector, and of the size, what it was after some number
// of the changes that were not synced, and says how many of them were lost, in
// whole or in part.
func (n *node) crash(loss Loss, rng *rand.Rand) (lost int) {
	draw, least := picker(loss, len(n.changes), rng), len(n.changes)
	pick := func() int {
		survived := draw()
		least = min(least, survived)
		return survived
	}
	before := len(n.changes)
	versions := [][]byte{n.durable}
	longest := len(n.durable)
	for _, c := range n.changes {
		content := c.apply(append([]byte(nil), versions[len(versions)-1]...))
		versions = append(versions, content)
		longest = max(longest, len(content))
	}
	result := make([]byte, len(versions[pick()]))
	for start := 0; start < longest; start += SectorBytes {
		version := versions[pick()]
		if start < len(version) && start < len(result) {
			copy(result[start:min(start+SectorBytes, len(result))], version[start:])
		}
	}
	n.durable, n.visible, n.changes = result, append([]byte(nil), result...), nil
	return before - least
}

// picker says, each time it is asked, how many of the changes survived.
func picker(loss Loss, changes int, rng *rand.Rand) func() int {
	fixed := 0
	switch loss {
	case Tear:
		return func() int { return rng.IntN(changes + 1) }
	case LoseTail:
		fixed = rng.IntN(changes + 1)
	case LoseNone:
		fixed = changes
	}
	return func() int { return fixed }
}

// directory holds names: those on the disk, those its users see, and the
// changes that lead from one to the other.
type directory struct {
	durable map[string]*node
	visible map[string]*node
	changes []naming
}

// naming gives a node the name to, or none, and takes the name from away, or
// none: a creation, a removal or a rename.
type naming struct {
	from, to string
	node     *node
}

func newDirectory() *directory {
	return &directory{durable: map[string]*node{}, visible: map[string]*node{}}
}

func (c naming) apply(names map[string]*node) {
	if c.from != "" {
		delete(names, c.from)
	}
	if c.to != "" {
		names[c.to] = c.node
	}
}

func (d *directory) change(c naming) {
	c.apply(d.visible)
	d.changes = append(d.changes, c)
}

func (d *directory) sync() {
	for _, c := range d.changes {
		c.apply(d.durable)
	}
	d.changes = nil
}

// crash lets each change of names survive or not, and says how many did not. A
// rename is one change.
func (d *directory) crash(loss Loss, rng *rand.Rand) (lost int) {
	kept := picker(loss, len(d.changes), rng)()
	for i, c := range d.changes {
		survives := i < kept
		if loss == Tear {
			survives = rng.IntN(2) == 0
		}
		if survives {
			c.apply(d.durable)
		} else {
			lost++
		}
	}
	d.visible, d.changes = maps.Clone(d.durable), nil
	return lost
}
