package generator

import (
	"fmt"
	"math/rand/v2"

	"partita/harness/history"
)

// When a key is retired and its slot's next generation begins: a long history
// or many ambiguous operations make a key costly to check and hide bugs.
const (
	RetireOperations = 300
	RetireAmbiguous  = 4
)

// Slots turns key slots into keys. Each group of workers has slots of its own.
type Slots struct {
	groups [][]int // each group's slots
	slots  []slot
	byKey  map[string]int // the keys now in use
}

type slot struct {
	key        string
	generation int
	operations int
	ambiguous  int
}

// NewSlots deals the key slots out to the groups of the workers. Each group
// gets at least one, even if that makes more slots than keys.
func NewSlots(keys int, workers []Worker) *Slots {
	groups := Groups(len(workers))
	s := &Slots{groups: make([][]int, groups), byKey: map[string]int{}}
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

// Use is the key that the slot stands for now, for one more operation.
func (s *Slots) Use(i int) string {
	if s.slots[i].operations >= RetireOperations || s.slots[i].ambiguous >= RetireAmbiguous {
		s.retire(i)
	}
	s.slots[i].operations++
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
