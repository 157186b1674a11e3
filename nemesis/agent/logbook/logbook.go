package logbook

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"partita/nemesis/wire"
)

// The bounds of memory and of patience.
const (
	MaxLine  = 16 << 10 // bytes of the node's line
	queued   = 2048     // lines; with MaxLine, 32 MiB at most
	Patience = 50 * time.Millisecond
)

// ErrClosed says that the book takes no more lines.
var ErrClosed = errors.New("logbook: closed")

// Book is a log that is being written.
type Book struct {
	path    string
	size    int64 // of the file; the writer's
	now     func() int64
	queue   chan entry
	lost    atomic.Int64 // lines dropped and not yet said
	mu      sync.RWMutex // held for writing to close the queue
	closed  bool
	written chan struct{} // closed when the writer has ended
	err     error         // of the writer, written before written is closed
}

// entry is a line, or, with flushed set, a request to say when all before it is
// in the file.
type entry struct {
	line    wire.LogLine
	flushed chan flushed
}

// flushed is how long the file is when all lines so far are in it.
type flushed struct {
	size int64
	err  error
}

// Open opens the file to append to, and makes its folder. The clock gives
// nanoseconds of the shared clock.
func Open(path string, now func() int64) (*Book, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("logbook: make the folder: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("logbook: open: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("logbook: open: %w", err)
	}
	return start(path, info.Size(), file, now), nil
}

// start starts the writer to a file that has a size already.
func start(path string, size int64, file io.WriteCloser, now func() int64) *Book {
	b := &Book{path: path, size: size, now: now, queue: make(chan entry, queued), written: make(chan struct{})}
	go b.write(file)
	return b
}

// Follow stamps and keeps the lines of r until its end.
func (b *Book) Follow(r io.Reader) error {
	lines := bufio.NewReaderSize(r, MaxLine)
	patience := time.NewTimer(Patience)
	defer patience.Stop()
	for {
		// ReadSlice gives what fits into the buffer when a line is longer.
		text, err := lines.ReadSlice('\n')
		if n := len(text); n > 0 {
			if text[n-1] == '\n' {
				text = text[:n-1]
			}
			patience.Reset(Patience)
			b.keep(wire.LogLine{At: b.now(), Line: string(text)}, patience.C)
		}
		switch {
		case err == nil || errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return nil
		default:
			return fmt.Errorf("logbook: read the node's output: %w", err)
		}
	}
}

// keep queues a line, or counts it as lost if there is no room in time.
func (b *Book) keep(line wire.LogLine, late <-chan time.Time) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return
	}
	select {
	case b.queue <- entry{line: line}:
	case <-late:
		b.lost.Add(1)
	}
}

// Reader reads the file from its beginning up to the last line kept so far.
func (b *Book) Reader(ctx context.Context) (io.ReadCloser, error) {
	size, err := b.flush(ctx)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(b.path)
	if err != nil {
		return nil, fmt.Errorf("logbook: read back: %w", err)
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(file, size), file}, nil
}

// flush waits until all lines kept so far are in the file, and says how long it
// is then.
func (b *Book) flush(ctx context.Context) (int64, error) {
	answer := make(chan flushed, 1)
	if err := b.ask(ctx, answer); err != nil {
		return 0, err
	}
	select {
	case f := <-answer:
		return f.size, f.err
	case <-ctx.Done():
		return 0, fmt.Errorf("logbook: flush: %w", ctx.Err())
	}
}

func (b *Book) ask(ctx context.Context, answer chan flushed) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return ErrClosed
	}
	select {
	case b.queue <- entry{flushed: answer}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("logbook: flush: %w", ctx.Err())
	}
}

// Close writes what is queued and closes the file. Lines that come later are
// not kept.
func (b *Book) Close() error {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.queue)
	}
	b.mu.Unlock()
	<-b.written
	return b.err
}

// write is the writer. It hands lines to the file in batches: whenever the
// queue is empty. The buffer keeps its first error: after one, the queue is only
// drained, and whoever flushes or closes is told.
func (b *Book) write(file io.WriteCloser) {
	defer close(b.written)
	buffer := bufio.NewWriterSize(counter{file, &b.size}, 1<<16)
	out := json.NewEncoder(buffer)
	out.SetEscapeHTML(false)
	admit := func() {
		if n := b.lost.Swap(0); n > 0 {
			_ = out.Encode(wire.LogLine{At: b.now(), Line: fmt.Sprintf("agent: %d lines were lost here, the log's disk was too slow", n)})
		}
	}
	for e := range b.queue {
		admit()
		if e.flushed != nil {
			err := buffer.Flush()
			e.flushed <- flushed{b.size, err}
			continue
		}
		_ = out.Encode(e.line)
		if len(b.queue) == 0 {
			_ = buffer.Flush()
		}
	}
	admit()
	b.err = errors.Join(buffer.Flush(), file.Close())
	if b.err != nil {
		b.err = fmt.Errorf("logbook: write: %w", b.err)
	}
}

// counter adds up what was written.
type counter struct {
	io.Writer
	size *int64
}

func (c counter) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	*c.size += int64(n)
	return n, err
}
