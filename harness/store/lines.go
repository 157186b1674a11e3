package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// readLines reads a file of JSON lines. A last line without an end is
// dropped: its writer was killed. A file that is not there has no lines. An
// error comes with the lines before it.
func readLines[T any](path string) ([]T, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if end := bytes.LastIndexByte(text, '\n'); end < len(text)-1 {
		text = text[:end+1]
	}
	var all []T
	for number := 1; len(text) > 0; number++ {
		line, rest, _ := bytes.Cut(text, []byte{'\n'})
		text = rest
		var one T
		if err := json.Unmarshal(line, &one); err != nil {
			return all, fmt.Errorf("store: %s:%d: %w", path, number, err)
		}
		all = append(all, one)
	}
	return all, nil
}

// Lines appends JSON lines to a file, each with one write.
type Lines struct{ file *os.File }

// AppendLines opens one of the run's files for appending.
func (r *Run) AppendLines(name string) (*Lines, error) {
	file, err := os.OpenFile(r.Path(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return &Lines{file}, nil
}

// Append writes one line.
func (l *Lines) Append(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("store: %s: %w", l.file.Name(), err)
	}
	if _, err := l.file.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Close closes the file.
func (l *Lines) Close() error { return l.file.Close() }
