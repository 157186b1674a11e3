package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"partita/harness/checker"
)

// nodeMetrics is a node's file of metrics, as it gave them at the end.
const nodeMetrics = "metrics.txt"

// WriteMetrics keeps a node's Prometheus metrics, beside what WriteNode kept.
func (r *Run) WriteMetrics(node string, text []byte) error {
	if err := os.WriteFile(r.Path(nodesDir, node, nodeMetrics), text, 0o644); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// ReadMetrics adds up what the nodes counted: the metrics without labels whose
// names end in _total, as those of counters do. It is nil if no node's metrics
// were kept, as of a simulated run.
func (r *Run) ReadMetrics() (checker.Tally, error) {
	entries, err := os.ReadDir(r.Path(nodesDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var all checker.Tally
	for _, e := range entries {
		file := r.Path(nodesDir, e.Name(), nodeMetrics)
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
		if all == nil {
			all = checker.Tally{}
		}
		if err := addCounters(all, string(text)); err != nil {
			return nil, fmt.Errorf("store: %s: %w", file, err)
		}
	}
	return all, nil
}

// addCounters reads the text format of Prometheus, of which it needs the lines
// of a name and a number.
func addCounters(all checker.Tally, text string) error {
	number := 0
	for line := range strings.Lines(text) {
		number++
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || !strings.HasSuffix(name, "_total") {
			continue
		}
		count, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return fmt.Errorf("%d: the counter %s: %w", number, name, err)
		}
		all[name] += int(count)
	}
	return nil
}
