package raft

import (
	"fmt"

	"partita/raft/core"
	"partita/raft/wal"
)

// tell gives the owner a completion, unless the member stops.
func (r *Raft) tell(ev core.Event) {
	select {
	case r.events <- ev:
	case <-r.stop:
	}
}

// writeLog makes log effects durable in order. Appends that wait together
// share one sync.
func (r *Raft) writeLog() {
	for {
		effects, ok := r.logs.take()
		if !ok {
			return
		}
		for len(effects) > 0 {
			n, err := r.writeSome(effects)
			if err != nil {
				r.fail(err)
				return
			}
			effects = effects[n:]
		}
	}
}

// writeSome writes the appends in front, or the one effect in front that is
// none, and says how many effects that were.
func (r *Raft) writeSome(effects []core.Effect) (int, error) {
	switch e := effects[0].(type) {
	case core.ResetLog:
		if err := r.storage.Reset(e.Snapshot, e.Data); err != nil {
			return 0, fmt.Errorf("raft: install snapshot %d: %w", e.Snapshot.Index, err)
		}
		r.tell(core.SnapshotSaved{Snapshot: e.Snapshot})
		return 1, nil
	case core.CutLog:
		if err := r.storage.Cut(e.To); err != nil {
			return 0, fmt.Errorf("raft: cut the log to %d: %w", e.To, err)
		}
		return 1, nil
	}
	var batches []wal.Batch
	var number uint64
	bytes := 0
	for _, e := range effects {
		a, ok := e.(core.AppendLog)
		if !ok {
			break
		}
		batches = append(batches, wal.Batch{HardState: a.HardState, From: a.From, Entries: a.Entries})
		number = a.Number
		for i := range a.Entries {
			bytes += len(a.Entries[i].Data)
		}
	}
	if err := r.storage.Append(batches...); err != nil {
		return 0, fmt.Errorf("raft: append: %w", err)
	}
	r.backlog.Add(int64(-bytes))
	r.tell(core.Appended{Number: number})
	return len(batches), nil
}

// keepSnapshots saves and sends snapshots beside the log, so that no append
// waits for them.
func (r *Raft) keepSnapshots() {
	for {
		effects, ok := r.snapshots.take()
		if !ok {
			return
		}
		for _, e := range effects {
			switch e := e.(type) {
			case core.SaveSnapshot:
				if err := r.storage.SaveSnapshot(e.Snapshot, e.Data); err != nil {
					r.fail(fmt.Errorf("raft: save snapshot %d: %w", e.Snapshot.Index, err))
					return
				}
				r.tell(core.SnapshotSaved{Snapshot: e.Snapshot})
			case core.SendSnapshot:
				meta, data, err := r.storage.Snapshot()
				if err != nil {
					r.fail(fmt.Errorf("raft: read the snapshot for member %d: %w", e.To, err))
					return
				}
				r.transport.Send(core.Envelope{From: r.cfg.ID, To: e.To, Term: e.Term,
					Message: core.InstallSnapshot{Snapshot: meta, Data: data}})
			}
		}
	}
}

// apply hands the state machine what is committed, in order.
func (r *Raft) apply() {
	for {
		effects, ok := r.applies.take()
		if !ok {
			return
		}
		for _, e := range effects {
			msg, upTo, err := r.applyMsg(e)
			if err != nil {
				r.fail(err)
				return
			}
			select {
			case r.applyCh <- msg:
			case <-r.stop:
				return
			}
			r.tell(core.Applied{Index: upTo})
		}
	}
}

func (r *Raft) applyMsg(e core.Effect) (ApplyMsg, core.Index, error) {
	switch e := e.(type) {
	case core.Apply:
		return ApplyMsg{Entries: e.Entries}, e.Entries[len(e.Entries)-1].Index, nil
	case core.RestoreSnapshot:
		meta, data, err := r.storage.Snapshot()
		if err != nil {
			return ApplyMsg{}, 0, fmt.Errorf("raft: read snapshot %d: %w", e.Snapshot.Index, err)
		}
		return ApplyMsg{Snapshot: &Snapshot{meta, data}}, meta.Index, nil
	}
	panic(fmt.Sprintf("raft: invariant broken: %T is no effect on the state machine", e))
}
