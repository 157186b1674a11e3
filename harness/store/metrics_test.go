package store

import (
	"maps"
	"strings"
	"testing"

	"partita/harness/checker"
	"partita/nemesis/wire"
)

func TestReadMetrics(t *testing.T) {
	const text = "# HELP partita_raft_chunks_sent_total Chunks.\n# TYPE partita_raft_chunks_sent_total counter\n" +
		"partita_raft_chunks_sent_total 31\npartita_raft_term 7\n" +
		"partita_operations_total{op=\"put\",outcome=\"ok\"} 5\npartita_sessions_expired_total 1.2e+06\n"
	for name, c := range map[string]struct {
		metrics map[string]string
		want    checker.Tally
		wantErr string
	}{
		"of a simulated run": {nil, nil, ""},
		"of one node":        {map[string]string{"n1": text}, checker.Tally{"partita_raft_chunks_sent_total": 31, "partita_sessions_expired_total": 1200000}, ""},
		"added up": {map[string]string{"n1": text, "n3": "partita_raft_chunks_sent_total 11\n"},
			checker.Tally{"partita_raft_chunks_sent_total": 42, "partita_sessions_expired_total": 1200000}, ""},
		"of nothing":  {map[string]string{"n2": ""}, checker.Tally{}, ""},
		"not numbers": {map[string]string{"n2": "# one\nx_total many\n"}, nil, "n2/metrics.txt: 2: the counter x_total"},
	} {
		t.Run(name, func(t *testing.T) {
			r := create(t, t.TempDir(), 5)
			defer r.Close()
			if got, err := r.ReadMetrics(); got != nil || err != nil {
				t.Errorf("before anything is kept: %v, %v", got, err)
			}
			for _, node := range []string{"n1", "n2", "n3"} {
				if err := r.WriteNode(wire.State{Node: node}, nil); err != nil {
					t.Fatal(err)
				}
			}
			for node, text := range c.metrics {
				if err := r.WriteMetrics(node, []byte(text)); err != nil {
					t.Fatal(err)
				}
			}
			got, err := r.ReadMetrics()
			if !maps.Equal(got, c.want) || (got == nil) != (c.want == nil) {
				t.Errorf("read %v, want %v", got, c.want)
			}
			if (err != nil) != (c.wantErr != "") || err != nil && !strings.Contains(err.Error(), c.wantErr) {
				t.Errorf("error %v, want %q", err, c.wantErr)
			}
		})
	}
}
