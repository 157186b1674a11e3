package exhaustive

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"partita/raft/core"
)

// key is 128 bits of a content's SHA-256. The key of a state is the sum of the
// keys of its parts: it does not depend on the order of the messages, nor on
// the numbers under which a run has interned anything.
type key struct{ hi, lo uint64 }

func keyOf(content []byte) key {
	sum := sha256.Sum256(content)
	return key{binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])}
}

func (k key) plus(other key) key {
	lo, carry := bits.Add64(k.lo, other.lo, 0)
	hi, _ := bits.Add64(k.hi, other.hi, carry)
	return key{hi, lo}
}

func (k key) less(other key) bool {
	return k.hi < other.hi || k.hi == other.hi && k.lo < other.lo
}

// mix spreads a word over 64 bits (splitmix64).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// renamings are the six ways in which three members can change names, by
// [0]: nobody, who stays nobody, [1]: what n1 is called, and so on. The first
// leaves everybody as they are.
var renamings = [6][members + 1]core.NodeID{
	{0, 1, 2, 3}, {0, 1, 3, 2}, {0, 2, 1, 3}, {0, 2, 3, 1}, {0, 3, 1, 2}, {0, 3, 2, 1},
}

// seated gives the renaming after which the nodes a, b and the third (0 to 2)
// are n1, n2 and n3.
var seated = func() (table [members][members]uint8) {
	for i, r := range renamings {
		var at [members + 1]int
		for old := 1; old <= members; old++ {
			at[r[old]] = old - 1
		}
		table[at[1]][at[2]] = uint8(i)
	}
	return table
}()
