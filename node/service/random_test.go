package service

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"partita/node/api"
	"partita/raft/core"
)

// proposal is what the random log knows of a write: its unique value and,
// once a leader took it, its place.
type proposal struct {
	id     uint64
	value  string
	index  core.Index
	term   core.Term
	told   bool
	answer *Fail // nil: none, or a reply
	ok     bool
}

// TestRandomOrders lets proposals be placed, overwritten, applied and told of
// in every order that a network can make, and holds each answer against the
// log that was really applied.
func TestRandomOrders(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomOrder(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func randomOrder(t *testing.T, rng *rand.Rand) {
	cfg := config()
	cfg.MaxOutcomes = 1000
	s := open(t, cfg)
	var (
		log       []core.Entry // the leader's, committed or not
		committed int
		term      core.Term = 1
		all       []*proposal
		byID      = map[uint64]*proposal{}
		truth     []core.Entry // as applied
	)
	take := func(effects []Effect) {
		for _, e := range effects {
			switch e := e.(type) {
			case Reply:
				p := byID[e.ID]
				if p.ok || p.answer != nil {
					t.Fatalf("%d was answered twice", p.id)
				}
				p.ok = true
			case Fail:
				p := byID[e.ID]
				if p.ok || p.answer != nil {
					t.Fatalf("%d was answered twice", p.id)
				}
				p.answer = &e
			}
		}
	}
	for range 200 {
		switch rng.IntN(5) {
		case 0, 1: // a client writes, and the leader of the moment takes it
			p := &proposal{id: uint64(len(all) + 1), value: fmt.Sprint(len(all) + 1)}
			all, byID[p.id] = append(all, p), p
			take(s.Request(p.id, put(p.value)))
			p.index, p.term = core.Index(len(log)+1), term
			log = append(log, entry(t, p.index, p.term, p.value))
		case 2: // a leader's answer arrives, in any order
			if p := pick(rng, all); p != nil && !p.told {
				p.told = true
				take(s.Proposed(p.id, p.index, p.term))
			}
		case 3: // entries are committed and applied
			n := min(len(log)-committed, 1+rng.IntN(4))
			take(s.Applied(log[committed : committed+n]))
			truth = append(truth, log[committed:committed+n]...)
			committed += n
		case 4: // another leader cuts what is not committed and opens its term
			if rng.IntN(3) == 0 {
				term++
				log = append(log[:committed:committed], entry(t, core.Index(committed+1), term, ""))
			}
		}
	}
	take(s.Applied(log[committed:]))
	truth = append(truth, log[committed:]...)
	for _, p := range all {
		if !p.told {
			take(s.Proposed(p.id, p.index, p.term))
		}
	}
	// What was cut off the end waits until other entries stand there.
	term++
	for i := 0; s.Pending() > 0; i++ {
		if i > 1000 {
			t.Fatalf("%d requests are never answered", s.Pending())
		}
		e := entry(t, core.Index(len(truth)+1), term, "")
		take(s.Applied([]core.Entry{e}))
		truth = append(truth, e)
	}
	for _, p := range all {
		happened := truth[p.index-1].Term == p.term
		if p.ok != happened || (p.answer != nil && (p.answer.Error.Code != api.Overwritten || !p.answer.Error.Definite)) {
			t.Errorf("%d at %d.%d: ok %v, happened %v, answer %+v", p.id, p.term, p.index, p.ok, happened, p.answer)
		}
	}
}

func pick(rng *rand.Rand, all []*proposal) *proposal {
	if len(all) == 0 {
		return nil
	}
	return all[rng.IntN(len(all))]
}
