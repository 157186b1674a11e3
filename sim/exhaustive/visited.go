package exhaustive

// ref names a visited state: its shard in the upper bits, its place in the
// shard in the others.
type ref uint32

const (
	shards    = 16
	placeBits = 28
	// unborn is the parent of the start.
	unborn ref = 1<<32 - 1
)

func (r ref) shard() int { return int(r >> placeBits) }
func (r ref) place() int { return int(r & (1<<placeBits - 1)) }

// shard keeps a part of the visited states: their keys in an open-addressing
// table, and for each, in the order in which they came, whence and how it was
// reached first. One worker at a time writes to it.
type shard struct {
	number  int
	slots   []key // zero is free
	parents []ref
	actions []action
	found   []uint32 // the new states of the level under way, each as ref and packed state
	fresh   int      // how many they are
	marks   []int    // where in found a block begins
}

// shardOf says where a key belongs.
func shardOf(k key) int { return int(k.hi % shards) }

// slot finds the place of a key in the table, or the free one for it.
func (v *shard) slot(k key) uint64 {
	mask := uint64(len(v.slots) - 1)
	at := k.lo & mask
	for v.slots[at] != (key{}) && v.slots[at] != k {
		at = (at + 1) & mask
	}
	return at
}

// has says whether a key was visited.
func (v *shard) has(k key) bool { return len(v.slots) > 0 && v.slots[v.slot(k)] == k }

// touch brings the place of a key near, so that many wait for memory at once.
func (v *shard) touch(k key) uint64 {
	if len(v.slots) == 0 {
		return 0
	}
	return v.slots[k.lo&uint64(len(v.slots)-1)].hi
}

// add visits a state and says whether it is new.
func (v *shard) add(k key, parent ref, by action, packed []uint32) bool {
	if 4*(len(v.parents)+1) > 3*len(v.slots) {
		v.grow()
	}
	at := v.slot(k)
	if v.slots[at] == k {
		return false
	}
	v.slots[at] = k
	if v.fresh%blockSize == 0 {
		v.marks = append(v.marks, len(v.found))
	}
	v.fresh++
	me := ref(v.number<<placeBits | len(v.parents))
	v.parents = append(v.parents, parent)
	v.actions = append(v.actions, by)
	v.found = append(append(v.found, uint32(me)), packed...)
	return true
}

// grow doubles the table.
func (v *shard) grow() {
	old := v.slots
	v.slots = make([]key, max(1<<10, 2*len(old)))
	for _, k := range old {
		if k != (key{}) {
			v.slots[v.slot(k)] = k
		}
	}
}

// blocks gives the states that were found since it was called last, cut into
// blocks.
func (v *shard) blocks() [][]uint32 {
	var list [][]uint32
	for i, from := range v.marks {
		to := len(v.found)
		if i+1 < len(v.marks) {
			to = v.marks[i+1]
		}
		list = append(list, v.found[from:to])
	}
	v.found, v.fresh, v.marks = nil, 0, nil
	return list
}
