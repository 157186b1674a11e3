package probe

import "partita/nemesis/wire"

// Keep is how many probes are remembered of each sender, the latest ones: at
// the usual pace of one in 50 ms more than a quarter of an hour.
const Keep = 20_000

// memory is a ring of the latest probes.
type memory struct {
	probes []wire.Probe
	oldest int // where the oldest stands once the ring is full
}

// add remembers a probe and forgets the oldest if there are too many.
func (m *memory) add(p wire.Probe) {
	if len(m.probes) < Keep {
		m.probes = append(m.probes, p)
		return
	}
	m.probes[m.oldest] = p
	m.oldest = (m.oldest + 1) % Keep
}

// between lists what was sent in [since, until), in the order it was added.
func (m *memory) between(since, until int64) []wire.Probe {
	found := []wire.Probe{}
	for i := range m.probes {
		p := m.probes[(m.oldest+i)%len(m.probes)]
		if p.At >= since && p.At < until {
			found = append(found, p)
		}
	}
	return found
}
