package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"partita/harness/checker"
	"partita/harness/cluster"
	"partita/harness/history"
)

func TestAFullDiskIsSaid(t *testing.T) {
	r := create(t, t.TempDir(), 5)
	defer r.Close()
	if err := os.Symlink("/dev/full", r.Path(FaultsFile)); err != nil {
		t.Fatal(err)
	}
	lines, err := r.AppendLines(FaultsFile)
	if err != nil {
		t.Fatal(err)
	}
	defer lines.Close()
	err = lines.Append(cluster.Fault{Nemesis: "kill"})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), r.Path(FaultsFile)) {
		t.Errorf("got %v, want the file named and the disk full", err)
	}
}

func TestAResultsFolderThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Create(filepath.Join(file, "results"), "partition", 1, time.Now())
	if !errors.Is(err, syscall.ENOTDIR) || !strings.Contains(err.Error(), "--results") {
		t.Errorf("got %v, want the way out named", err)
	}
}

func TestAFailedReplacementLeavesTheOldResults(t *testing.T) {
	r := create(t, t.TempDir(), 5)
	defer r.Close()
	if err := r.WriteResults(Results{Verdict: checker.Unknown, Reason: NotFinished}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(r.Path(ResultsFile))
	if err != nil {
		t.Fatal(err)
	}
	// A folder of that name cannot be replaced by a file.
	if err := os.Mkdir(r.Path("taken"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteFile("taken", []byte("x")); err == nil || !strings.Contains(err.Error(), r.Path("taken")) {
		t.Errorf("got %v, want the file named", err)
	}
	if left, _ := filepath.Glob(r.Path(".taken*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if after, err := os.ReadFile(r.Path(ResultsFile)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("results.json became %s, %v", after, err)
	}
}

func TestTwoRunsOfOneInstant(t *testing.T) {
	results := t.TempDir()
	first := create(t, results, 5)
	defer first.Close()
	if _, err := Create(results, "partition", 42, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second run in the same folder gives %v", err)
	}
}

func TestAKilledRunCanBeRead(t *testing.T) {
	results := t.TempDir()
	r := create(t, results, 5)
	if err := r.WriteResults(Results{Verdict: checker.Unknown, Reason: NotFinished}); err != nil {
		t.Fatal(err)
	}
	if record, err := r.ReadHistory(); err != nil || len(record.Events) != 0 {
		t.Errorf("before the first event: %+v, %v", record, err)
	}
	var text bytes.Buffer
	event := history.Event{Type: history.Invoke, F: "read", Key: "k0.0"}
	if err := history.NewWriter(&text).Append(event); err != nil {
		t.Fatal(err)
	}
	text.WriteString(`{"index":1,"ti`)
	if err := os.WriteFile(r.Path(HistoryFile), text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil { // as the kernel does for the dead
		t.Fatal(err)
	}
	list, err := List(results)
	if err != nil || len(list) != 1 || list[0].Live {
		t.Fatalf("the list is %+v, %v", list, err)
	}
	again, err := Open(list[0].Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	record, err := again.ReadHistory()
	if err != nil || len(record.Events) != 1 || string(record.Torn) != `{"index":1,"ti` {
		t.Errorf("read %d events, torn %q, %v", len(record.Events), record.Torn, err)
	}
}

func FuzzReadLines(f *testing.F) {
	f.Add([]byte(`{"nemesis":"kill","at":5}` + "\n" + `{"nem`))
	f.Add([]byte("null\n{}\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "lines")
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		all, err := readLines[json.RawMessage](path)
		if whole := bytes.Count(text, []byte{'\n'}); err == nil && len(all) != whole {
			t.Errorf("%d whole lines gave %d", whole, len(all))
		}
	})
}
