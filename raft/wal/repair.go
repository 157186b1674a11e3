package wal

import (
	"errors"
	"fmt"
	"slices"
)

// bad judges a record that cannot be read. If any valid header after it says
// that the log was durable beyond its beginning it is corrupt. Otherwise
// nobody was promised it, nor what follows: it is cut.
func (r *recovery) bad(i int, content []byte, at position, reason error) error {
	highest := highestMark(content, at)
	for _, number := range r.numbers[i+1:] {
		later, err := readAll(r.fs, r.path(number))
		if err != nil {
			return err
		}
		if mark := highestMark(later, position{segment: number}); mark.compare(highest) > 0 {
			highest = mark
		}
	}
	if highest.compare(at) > 0 {
		return &CorruptError{File: r.path(at.segment), Offset: at.offset, Reason: fmt.Sprintf(
			"%v, below the mark at %d of segment %d, up to which the log was durable",
			reason, highest.offset, highest.segment)}
	}
	if at.offset == 0 && i == r.first && (len(r.snapshots)+len(r.broken) > 1 || at.segment != 1) {
		return &CorruptError{File: r.path(at.segment), Reason: reason.Error() + ", in a log that was begun before"}
	}
	for _, number := range slices.Backward(r.numbers[i+1:]) {
		if err := r.dropTorn(number, reason); err != nil {
			return err
		}
	}
	if at.offset == 0 {
		return r.dropTorn(at.segment, reason)
	}
	r.at, r.last = at, content[:at.offset]
	return r.truncate(int64(len(content)), reason)
}

// dropTorn removes a segment whose first record is torn.
func (r *recovery) dropTorn(number uint64, reason error) error {
	r.repaired(Repair{File: r.path(number), Reason: reason.Error()})
	return r.remove(segmentName(number))
}

// truncate cuts the last segment, which is size bytes long, at its end.
func (r *recovery) truncate(size int64, reason error) error {
	name := r.path(r.at.segment)
	r.repaired(Repair{File: name, Offset: r.at.offset, Bytes: size - r.at.offset, Reason: reason.Error()})
	file, err := r.fs.Open(name)
	if err != nil {
		return fmt.Errorf("wal: cut %s: %w", name, err)
	}
	if err = file.Truncate(r.at.offset); err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("wal: cut %s at %d: %w", name, r.at.offset, err)
	}
	return nil
}

func (r *recovery) repaired(repair Repair) {
	if r.opts.OnRepair != nil {
		r.opts.OnRepair(repair)
	}
}
