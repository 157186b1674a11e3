package generator

import (
	"cmp"
	"fmt"
	"math/rand/v2"

	"partita/harness/history"
)

// When a key is retired and its slot's next generation begins, unless a
// workload's Limits say otherwise.
const (
	RetireOperations = 300
	RetireAmbiguous  = 4
)

// Limits say after how much a key is retired: a long history or many ambiguous
// operations make a key costly to check and hide bugs, and some objects grow
// with every change. Zero means RetireOperations, no limit of changes, and
// RetireAmbiguous.
type Limits struct {
	Operations int // asked of the key
	Changes    int // those of them that change it
	Ambiguous  int // operations that ended as info
}

func (l Limits) withDefaults() Limits {
	l.Operations = cmp.Or(l.Operations, RetireOperations)
	l.Changes = cmp.Or(l.Changes, l.Operations)
	l.Ambiguous = cmp.Or(l.Ambiguous, RetireAmbiguous)
	return l
}

// Slots turns key slots into keys. Each group of workers has slots of its own.
type Slots struct {
	limits Limits
	groups [][]int // each group's slots
	slots  []slot
	byKey  map[string]int // the keys now in use
}

type slot struct {
	key        string
	generation int
	operations int
	changes    int
	ambiguous  int
}

// NewSlots deals the key slots out to the groups of the workers. Each group
// gets at least one, even if that makes more slots than keys.
func NewSlots(keys int, workers []Worker, limits Limits) *Slots {
	groups := Groups(len(workers))
	s := &Slots{limits: limits.withDefaults(), groups: make([][]int, groups), byKey: map[string]int{}}
	for i := range max(keys, groups) {
		s.groups[i%groups] = append(s.groups[i%groups], i)
		s.slots = append(s.slots, slot{})
		s.open(i)
	}
	return s
}

// Pick draws one of the group's slots.
func (s *Slots) Pick(group int, source *rand.Rand) int {
	own := s.groups[group]
	return own[source.IntN(len(own))]
}

// Use is the key that the slot stands for now, for one more operation, which
// may be a change.
func (s *Slots) Use(i int, change bool) string {
	if now := s.slots[i]; now.operations >= s.limits.Operations || now.ambiguous >= s.limits.Ambiguous ||
		change && now.changes >= s.limits.Changes {
		s.retire(i)
	}
	s.slots[i].operations++
	if change {
		s.slots[i].changes++
	}
	return s.slots[i].key
}

// Observe counts the completion against its key, and says whether the key is
// still in use. Operations on a retired key may complete for a while.
func (s *Slots) Observe(completion history.Event) (inUse bool) {
	i, inUse := s.byKey[completion.Key]
	if inUse && completion.Type == history.Info {
		s.slots[i].ambiguous++
	}
	return inUse
}

func (s *Slots) retire(i int) {
	delete(s.byKey, s.slots[i].key)
	s.slots[i] = slot{generation: s.slots[i].generation + 1}
	s.open(i)
}

func (s *Slots) open(i int) {
	s.slots[i].key = fmt.Sprintf("k%d.%d", i, s.slots[i].generation)
	s.byKey[s.slots[i].key] = i
}

// Values numbers a worker's values so that no two of a run are alike: the
// n-th value of a worker is always the same, whatever the others do.
type Values struct {
	workers int64
	given   []int64
}

// NewValues numbers the values of so many workers.
func NewValues(workers int) *Values {
	return &Values{workers: int64(workers), given: make([]int64, workers)}
}

// Next is a value that nobody has had, at least 1.
func (v *Values) Next(worker int) int64 {
	n := v.given[worker]
	v.given[worker]++
	return n*v.workers + int64(worker) + 1
}
