package wal

import "fmt"

// DefaultSegmentBytes is the size after which a segment is full, if Options
// says nothing.
const DefaultSegmentBytes = 64 << 20

// Options says how a log behaves. The zero value is good.
type Options struct {
	// SegmentBytes is the size in bytes from which on a segment takes no more
	// batches. Zero is DefaultSegmentBytes.
	SegmentBytes int64
	// OnRepair, if not nil, is told what Open repaired.
	OnRepair func(Repair)
}

// Repair is something that Open put right: nobody had been promised it.
type Repair struct {
	File   string
	Offset int64  // where the file was cut, in bytes
	Bytes  int64  // how many bytes went
	Reason string // what was wrong there
}

// Validate says what is wrong with the options.
func (o Options) Validate() error {
	if o.SegmentBytes < 0 {
		return fmt.Errorf("wal: SegmentBytes is %d, must not be negative", o.SegmentBytes)
	}
	return nil
}
