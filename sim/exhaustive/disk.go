package exhaustive

import (
	"slices"

	"partita/raft/core"
)

// disk is a node's durable state as a runner sees it, made from nothing but the
// effects that the core asked for.
type disk struct {
	hard    core.HardState
	log     []core.Entry
	pending []core.AppendLog // asked for and not durable yet, in order
}

// replaced gives a log after an append: its entries replace whatever the log
// has from its From on.
func replaced(log []core.Entry, a core.AppendLog) []core.Entry {
	if len(a.Entries) == 0 {
		return log
	}
	keep := min(max(int(a.From), 1)-1, len(log))
	return append(slices.Clip(log[:keep]), a.Entries...)
}

// settle makes the first pending append durable and gives its number.
func (d *disk) settle() uint64 {
	a := d.pending[0]
	d.hard, d.log = a.HardState, replaced(d.log, a)
	d.pending = slices.Clip(d.pending[1:])
	return a.Number
}

// asked is the log as it will be when all that is pending is durable.
func (d *disk) asked() []core.Entry {
	log := d.log
	for _, a := range d.pending {
		log = replaced(log, a)
	}
	return log
}

// sameEntry compares all that two entries are.
func sameEntry(a, b core.Entry) bool {
	return a.Index == b.Index && a.Term == b.Term && a.Kind == b.Kind && string(a.Data) == string(b.Data)
}
