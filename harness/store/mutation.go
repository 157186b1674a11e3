package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// What became of a mutant.
const (
	Uncompiled  = "does not compile"
	ByTests     = "tests"
	BySimulator = "simulator"
	Unnoticed   = "unnoticed"
)

// Mutation is a line of what harness mutate leaves: what became of one mutant.
type Mutation struct {
	Name     string  `json:"name"`
	Line     int     `json:"line"`
	Outcome  string  `json:"outcome"`
	By       string  `json:"by,omitempty"`       // the test, check or rule that failed, or how the program ended
	Seconds  float64 `json:"seconds"`            // until then, builds included
	Explored float64 `json:"explored,omitempty"` // how long the simulator searched in vain, in seconds
}

// OpenMutations reads the lines of a file, of which the last of a name counts,
// and opens it to append more. A torn last line is cut off: its writer was
// killed. The file is made if it is missing.
func OpenMutations(path string) (map[string]Mutation, *Lines, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, nil, fmt.Errorf("store: %w", err)
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("store: %w", err)
	}
	if whole := bytes.LastIndexByte(text, '\n') + 1; whole < len(text) {
		if err := os.Truncate(path, int64(whole)); err != nil {
			return nil, nil, fmt.Errorf("store: %w", err)
		}
	}
	lines, err := readLines[Mutation](path)
	if err != nil {
		return nil, nil, err
	}
	all := map[string]Mutation{}
	for _, m := range lines {
		all[m.Name] = m
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("store: %w", err)
	}
	return all, &Lines{file}, nil
}
