package raft

import (
	"fmt"

	"partita/raft/core"
	"partita/raft/wal"
)

// work takes what is queued and hands it on, until the owner has ended or it
// returns an error, which is a failure of the storage.
func work[T any](r *Raft, q *queue[T], do func([]T) error) {
	var spare []T
	for {
		select {
		case <-r.quit:
			return
		case <-q.wake:
		}
		items := q.take(spare)
		if err := do(items); err != nil {
			r.fail(err)
			return
		}
		spare = items
	}
}

// report tells the owner that something was completed.
func (r *Raft) report(ev core.Event) { delegate(r.events, ev) }

// runDisk changes the log. All appends that are queued one after the other
// become durable by one call of the storage.
func (r *Raft) runDisk() {
	var batches []wal.Batch
	work(r, r.disk, func(effects []core.Effect) error {
		for len(effects) > 0 {
			var err error
			if effects, batches, err = r.appendSome(effects, batches[:0]); err != nil {
				return err
			}
			if len(effects) == 0 {
				break
			}
			if err := r.rewrite(effects[0]); err != nil {
				return err
			}
			effects = effects[1:]
		}
		clear(batches[:cap(batches)])
		return nil
	})
}

// appendSome makes the appends at the front durable, and gives what is left.
func (r *Raft) appendSome(effects []core.Effect, batches []wal.Batch) ([]core.Effect, []wal.Batch, error) {
	number, bytes, entries := uint64(0), int64(0), 0
	for len(effects) > 0 {
		a, ok := effects[0].(core.AppendLog)
		if !ok {
			break
		}
		batches = append(batches, wal.Batch{HardState: a.HardState, From: a.From, Entries: a.Entries})
		number, bytes, entries = a.Number, bytes+bytesOf(a.Entries), entries+len(a.Entries)
		effects = effects[1:]
	}
	if len(batches) == 0 {
		return effects, batches, nil
	}
	if err := r.storage.Append(batches...); err != nil {
		return nil, nil, fmt.Errorf("raft: append %d batches: %w", len(batches), err)
	}
	r.backlog.Add(-bytes)
	r.counters.appends.Add(1)
	r.counters.batches.Add(uint64(len(batches)))
	r.counters.entries.Add(uint64(entries))
	r.report(core.Appended{Number: number})
	return effects, batches, nil
}

// rewrite executes a log effect that is no append.
func (r *Raft) rewrite(e core.Effect) error {
	switch e := e.(type) {
	case core.ResetLog:
		if err := r.storage.Reset(e.Snapshot, e.Members, e.Data); err != nil {
			return fmt.Errorf("raft: install the snapshot of %d: %w", e.Snapshot.Index, err)
		}
		r.counters.loaded.Add(1)
		r.newest.Store(&size{e.Snapshot.Index, len(e.Data)})
		r.log.Info("snapshot received", "index", uint64(e.Snapshot.Index), "term", uint64(e.Snapshot.Term), "bytes", len(e.Data))
		r.report(core.SnapshotSaved{Snapshot: e.Snapshot})
	case core.CutLog:
		if err := r.storage.Cut(e.To); err != nil {
			return fmt.Errorf("raft: cut the log up to %d: %w", e.To, err)
		}
	}
	return nil
}

// runSaves saves snapshots, so that no append waits for one.
func (r *Raft) runSaves() {
	work(r, r.saves, func(saves []core.SaveSnapshot) error {
		for _, s := range saves {
			if err := r.storage.SaveSnapshot(s.Snapshot, s.Members, s.Data); err != nil {
				return fmt.Errorf("raft: save the snapshot of %d: %w", s.Snapshot.Index, err)
			}
			r.counters.saved.Add(1)
			r.newest.Store(&size{s.Snapshot.Index, len(s.Data)})
			r.report(core.SnapshotSaved{Snapshot: s.Snapshot})
		}
		return nil
	})
}

// runApplies hands the service what is committed. A snapshot on disk may be
// newer than the one asked for; what it covers is then not handed out again.
func (r *Raft) runApplies() {
	var last core.Index
	work(r, r.applies, func(effects []core.Effect) error {
		for _, e := range effects {
			msg, to, err := r.applyMsg(e, last)
			if err != nil {
				return err
			}
			if msg.Snapshot != nil || len(msg.Entries) > 0 {
				select {
				case r.applyCh <- msg:
				case <-r.quit:
					return nil
				}
			}
			if msg.Snapshot != nil {
				last = msg.Snapshot.Meta.Index
			}
			last = max(last, to)
			r.report(core.Applied{Index: to})
		}
		return nil
	})
}

// applyMsg makes the message of an effect, empty if the service is past it,
// and says up to where the effect goes.
func (r *Raft) applyMsg(e core.Effect, last core.Index) (ApplyMsg, core.Index, error) {
	switch e := e.(type) {
	case core.Apply:
		entries := e.Entries
		to := entries[len(entries)-1].Index
		for len(entries) > 0 && entries[0].Index <= last {
			entries = entries[1:]
		}
		return ApplyMsg{Entries: entries}, to, nil
	case core.RestoreSnapshot:
		if e.Snapshot.Index <= last {
			return ApplyMsg{}, e.Snapshot.Index, nil
		}
		s := Snapshot{e.Snapshot, e.Data}
		if s.Data == nil {
			var err error
			if s.Meta, s.Data, err = r.load(e.Snapshot); err != nil {
				return ApplyMsg{}, 0, err
			}
			r.newest.Store(&size{s.Meta.Index, len(s.Data)})
		}
		return ApplyMsg{Snapshot: &s}, e.Snapshot.Index, nil
	}
	panic(fmt.Sprintf("raft: invariant broken: only applies are queued for the service, not %T", e))
}

// load reads the newest snapshot, which covers at least another.
func (r *Raft) load(atLeast core.SnapshotMeta) (core.SnapshotMeta, []byte, error) {
	meta, _, data, err := r.storage.Snapshot()
	if err != nil {
		return meta, nil, fmt.Errorf("raft: load the snapshot of %d: %w", atLeast.Index, err)
	}
	if meta.Index < atLeast.Index {
		return meta, nil, fmt.Errorf("raft: load the snapshot of %d: the storage's newest is of %d", atLeast.Index, meta.Index)
	}
	return meta, data, nil
}

// runShips reads the pieces of snapshots that followers too far behind for the
// log are to get (§7). The owner sends them.
func (r *Raft) runShips() {
	work(r, r.ships, func(ships []core.SendChunk) error {
		for _, s := range ships {
			chunk, err := r.storage.SnapshotChunk(s.Snapshot, s.Offset, r.cfg.SnapshotChunk)
			if err != nil {
				return fmt.Errorf("raft: read the snapshot of %d at byte %d: %w", s.Snapshot.Index, s.Offset, err)
			}
			r.counters.chunks.Add(1)
			r.counters.chunkBytes.Add(uint64(len(chunk.Data)))
			if chunk.Done {
				r.counters.sent.Add(1)
				r.log.Info("snapshot sent", "to", uint64(s.To), "index", uint64(chunk.Snapshot.Index),
					"bytes", chunk.Offset+uint64(len(chunk.Data)))
			}
			delegate(r.pieces, core.Envelope{From: r.cfg.ID, To: s.To, Term: s.Term, Message: core.InstallSnapshot(chunk)})
		}
		return nil
	})
}
