package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxLine is the longest line of a history that is read, in bytes.
const MaxLine = 1 << 20

// Writer appends events to a history. It keeps no buffer: when Append has
// returned, the events are with the operating system, so an operation sent
// after that is on record even if the harness is killed. The first error ends
// the history; every later Append repeats it, lest a line follow half a line.
type Writer struct {
	out  io.Writer
	next int
	buf  []byte
	err  error
}

// NewWriter writes a history from its first event, index 0.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// Append writes the events, one line each, in one write. Their indices must go
// on where the history ended.
func (w *Writer) Append(events ...Event) error {
	if w.err != nil || len(events) == 0 {
		return w.err
	}
	w.err = w.append(events)
	return w.err
}

func (w *Writer) append(events []Event) error {
	w.buf = w.buf[:0]
	for i, e := range events {
		if e.Index != w.next+i {
			return fmt.Errorf("history: append event %d: the next index is %d", e.Index, w.next+i)
		}
		if err := e.validate(); err != nil {
			return fmt.Errorf("history: append event %d: %w", e.Index, err)
		}
		line, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("history: encode event %d: %w", e.Index, err)
		}
		if len(line) >= MaxLine {
			return fmt.Errorf("history: append event %d: %d bytes, at most %d can be read back", e.Index, len(line), MaxLine-1)
		}
		w.buf = append(append(w.buf, line...), '\n')
	}
	if n, err := w.out.Write(w.buf); err != nil {
		return fmt.Errorf("history: append events %d to %d (%d of %d bytes written): %w",
			w.next, w.next+len(events)-1, n, len(w.buf), err)
	}
	w.next += len(events)
	return nil
}

// Record is a history as read back. Torn is what was dropped of a last line
// that has no end: its write never returned, so no operation was sent after it.
type Record struct {
	Events []Event
	Torn   []byte
}

// Read takes a whole history. A last line without a newline is dropped and
// kept in Torn; anything else that is not a line of a history is an error that
// names the line, counted from 1.
func Read(in io.Reader) (Record, error) {
	var record Record
	lines := bufio.NewReaderSize(in, MaxLine)
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			record.Torn = bytes.Clone(line)
			return record, nil
		case errors.Is(err, bufio.ErrBufferFull):
			return record, fmt.Errorf("history: line %d: longer than %d bytes", number, MaxLine)
		case err != nil:
			return record, fmt.Errorf("history: line %d: read: %w", number, err)
		}
		event, err := decode(line)
		if err != nil {
			return record, fmt.Errorf("history: line %d: %w", number, err)
		}
		if event.Index != len(record.Events) {
			return record, fmt.Errorf("history: line %d: index %d, but %d is next", number, event.Index, len(record.Events))
		}
		record.Events = append(record.Events, event)
	}
}

// decode reads one line. Unknown fields are refused: a misspelt "key" would
// move an operation to another object.
func decode(line []byte) (Event, error) {
	var e Event
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return e, fmt.Errorf("not an event: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return e, errors.New("more than one event")
	}
	return e, e.validate()
}
