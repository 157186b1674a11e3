package logbook

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"partita/nemesis/wire"
)

// read decodes a log.
func read(t *testing.T, r io.Reader) (lines []wire.LogLine) {
	t.Helper()
	for dec := json.NewDecoder(r); ; {
		var l wire.LogLine
		switch err := dec.Decode(&l); {
		case errors.Is(err, io.EOF):
			return lines
		case err != nil:
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
}

// ticks is a clock that goes on by one at each look.
func ticks() func() int64 {
	var n atomic.Int64
	return func() int64 { return n.Add(1) }
}

func TestFollow(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	for _, c := range []struct {
		name, output string
		want         []string
	}{
		{"nothing", "", nil},
		{"lines", "one\ntwo\n", []string{"one", "two"}},
		{"an empty line", "one\n\ntwo\n", []string{"one", "", "two"}},
		{"a last line without its end", "one\npanic: ", []string{"one", "panic: "}},
		{"JSON and HTML inside", `{"a":"<b>"}` + "\n", []string{`{"a":"<b>"}`}},
		{"no UTF-8", "a\xffb\n", []string{"a\ufffdb"}},
		{"a long line is split", long + "tail\nnext\n", []string{long, "tail", "next"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Open(filepath.Join(t.TempDir(), "a", "b", "node.log"), ticks())
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Follow(strings.NewReader(c.output)); err != nil {
				t.Fatal(err)
			}
			file, err := b.Reader(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			var got []string
			for i, l := range read(t, file) {
				if l.At != int64(i+1) {
					t.Errorf("line %d is stamped %d", i, l.At)
				}
				got = append(got, l.Line)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOpenAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.log")
	for _, text := range []string{"first\n", "second\n"} {
		b, err := Open(path, ticks())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(b.Follow(strings.NewReader(text)), b.Close()); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, bytes.NewReader(content)); len(got) != 2 || got[1].Line != "second" {
		t.Errorf("the log holds %+v", got)
	}
}

// TestReaderEndsWithAWholeLine: what is being written does not show in part.
func TestReaderEndsWithAWholeLine(t *testing.T) {
	b, err := Open(filepath.Join(t.TempDir(), "node.log"), ticks())
	if err != nil {
		t.Fatal(err)
	}
	followed := make(chan error)
	go func() {
		followed <- b.Follow(strings.NewReader(strings.Repeat(strings.Repeat("x", 1000)+"\n", 3*queued)))
	}()
	for ended := false; !ended; {
		select {
		case err := <-followed:
			if err != nil {
				t.Error(err)
			}
			ended = true
		default:
		}
		file, err := b.Reader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(file)
		if err != nil || len(content) > 0 && content[len(content)-1] != '\n' {
			t.Errorf("%d bytes, %v: the last line is torn", len(content), err)
		}
		file.Close()
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// stalled is a file whose writes wait until it is released.
type stalled struct {
	bytes.Buffer
	release chan struct{}
}

func (s *stalled) Write(b []byte) (int, error) {
	<-s.release
	return s.Buffer.Write(b)
}

func (s *stalled) Close() error { return nil }

// TestStalledDiskLosesLinesAndSaysSo: the node waits Patience at most for each
// line that finds no room, and the log says how many are missing.
func TestStalledDiskLosesLinesAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := &stalled{release: make(chan struct{})}
		b := start("", 0, file, ticks())
		if err := b.Follow(strings.NewReader("first\n")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the writer hangs in the file's write
		began := time.Now()
		if err := b.Follow(strings.NewReader(strings.Repeat("kept\n", queued) + strings.Repeat("lost\n", 3))); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 3*Patience {
			t.Errorf("three lines too many took %v, want %v", took, 3*Patience)
		}
		close(file.release)
		if _, err := b.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.Follow(strings.NewReader("last\n")); err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		for _, l := range read(t, &file.Buffer) {
			counts[l.Line]++
		}
		want := map[string]int{"first": 1, "kept": queued, "agent: 3 lines were lost here, the log's disk was too slow": 1, "last": 1}
		if !reflect.DeepEqual(counts, want) {
			t.Errorf("the log holds %v, want %v", counts, want)
		}
	})
}

// full is a file on a full disk.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }
func (full) Close() error              { return nil }

func TestErrorsOfTheFileAreReported(t *testing.T) {
	b := start("", 0, full{}, ticks())
	if err := b.Follow(strings.NewReader("line\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Reader(t.Context()); !errors.Is(err, errFull) {
		t.Errorf("Reader: %v", err)
	}
	if err := b.Close(); !errors.Is(err, errFull) {
		t.Errorf("Close: %v", err)
	}
	if _, err := b.Reader(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Reader after Close: %v", err)
	}
	if err := b.Follow(strings.NewReader("late\n")); err != nil {
		t.Errorf("Follow after Close: %v", err)
	}
}

func TestBrokenPipeIsReported(t *testing.T) {
	b := start("", 0, &stalled{release: make(chan struct{})}, ticks())
	r, w := io.Pipe()
	w.CloseWithError(errFull)
	if err := b.Follow(r); !errors.Is(err, errFull) {
		t.Errorf("Follow: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}
