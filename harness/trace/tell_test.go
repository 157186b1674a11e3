package trace

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the golden accounts anew")

// TestTell tells the traces of testdata; with -rewrite the accounts are made anew.
func TestTell(t *testing.T) {
	traces, err := filepath.Glob(filepath.Join("testdata", "*.jsonl"))
	if err != nil || len(traces) == 0 {
		t.Fatalf("%d traces (%v)", len(traces), err)
	}
	for _, path := range traces {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			steps, err := Read(f)
			if err != nil {
				t.Fatal(err)
			}
			var told bytes.Buffer
			if err := Tell(&told, steps); err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(path, ".jsonl") + ".txt"
			if *rewrite {
				if err := os.WriteFile(golden, told.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || told.String() != string(want) {
				t.Errorf("told (%v)\n%s\nwant\n%s", err, told.String(), want)
			}
		})
	}
}

// TestTellWithoutTime: a step of an exhaustive search is one line, without an
// instant, whatever its text holds.
func TestTellWithoutTime(t *testing.T) {
	steps := []Step{
		{Number: 9, Kind: Send, Node: "n1", Peer: "n2", Message: 12, Text: "Append\nterm 3", State: "leader, term 3"},
		{Number: 10, Kind: Drop, Node: "n2", Peer: "n1", Message: 12, Text: "lost"},
		{Number: 11, Kind: Violation, Text: "panic: x"},
	}
	want := ` 9  n1 -> n2  #12        Append term 3  => leader, term 3
10  n2 x- n1  #12        lost
11            VIOLATION  panic: x
`
	var told bytes.Buffer
	if err := Tell(&told, steps); err != nil || told.String() != want {
		t.Errorf("told (%v)\n%s\nwant\n%s", err, told.String(), want)
	}
}

func TestAFailingTerminalIsSaid(t *testing.T) {
	if err := Tell(broken{}, []Step{{Number: 1, Kind: Timer}}); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want the writer's error", err)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }
