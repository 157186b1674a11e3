package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// series is what one node held, one sample a number, of every measure alike.
func series(values ...float64) []held {
	var all []held
	for _, v := range values {
		h := make(held, len(measures))
		for i := range h {
			h[i] = v
		}
		all = append(all, h)
	}
	return all
}

// times is so many samples of each value.
func times(n int, values ...float64) []held {
	var all []held
	for _, v := range values {
		for range n {
			all = append(all, series(v)...)
		}
	}
	return all
}

// What grows is found by the medians of the last two thirds; what falls,
// wavers, or grew at the beginning is not.
func TestLevel(t *testing.T) {
	for name, c := range map[string]struct {
		nodes map[string][]held
		want  string // of the error
	}{
		"level":                   {map[string][]held{"n1": times(5, 50, 50, 50)}, ""},
		"filled at the beginning": {map[string][]held{"n1": times(5, 10, 200, 200)}, ""},
		"falls":                   {map[string][]held{"n1": times(5, 200, 200, 20)}, ""},
		"within a tenth":          {map[string][]held{"n1": times(5, 1000, 1000, 1100)}, ""},
		"within the slack":        {map[string][]held{"n1": times(5, 4, 4, 8)}, ""},
		"one high sample":         {map[string][]held{"n1": append(times(5, 50, 50, 50), series(9000)...)}, ""},
		"grows":                   {map[string][]held{"n1": times(5, 100, 100, 200)}, "rss of n1, heap of n1, goroutines of n1, files of n1, data of n1"},
		"one measure, one node":   {map[string][]held{"n1": times(5, 50, 50, 50), "n2": grows(2)}, "does not level: goroutines of n2"},
		"too short":               {map[string][]held{"n1": times(4, 50, 50, 50)}, "12 samples of n1: too few"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := level(c.nodes, &out)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q\n%s", err, c.want, &out)
			}
			if lines := strings.Count(out.String(), "\n"); name != "too short" && lines != len(measures)*len(c.nodes) {
				t.Errorf("%d lines:\n%s", lines, &out)
			}
		})
	}
}

// grows is a node of which one measure doubles.
func grows(measure int) []held {
	all := times(5, 50, 50, 50)
	for _, h := range all[10:] {
		h[measure] = 100
	}
	return all
}

func TestSamples(t *testing.T) {
	got, err := samples(strings.NewReader("# HELP a b\n# TYPE go_goroutines gauge\ngo_goroutines 57\nx{peer=\"n1\"} 3\nbytes 1.5e+06\n"))
	want := map[string]float64{"go_goroutines": 57, "bytes": 1.5e6}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := samples(strings.NewReader("bytes many\n")); err == nil {
		t.Error("a value that is no number is taken")
	}
}

func TestSizeOf(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"a": 10, "sub/b": 32} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if size, err := sizeOf(dir); err != nil || size != 42 {
		t.Errorf("got %v, %v", size, err)
	}
	if size, err := sizeOf(filepath.Join(dir, "gone")); err != nil || size != 0 {
		t.Errorf("of what is gone: %v, %v", size, err)
	}
}

// TestMeasuringCommands runs both on small scales. What they measure is this
// machine's affair: they have to come to an end and say it.
func TestMeasuringCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("starts nodes and keeps them busy for seconds")
	}
	t.Setenv(asNode, "1")
	for name, c := range map[string]struct {
		args  string
		lines []string // beginnings
		fails string   // what may be found wrong
	}{
		"catch-up": {
			"bench --catch-up --entries 3000 --time 300ms --clients 16 --keys 20 --value-bytes 100",
			[]string{"3 nodes, leader n", "before ", "without n", "while it catches up ", "after ", "n", "meanwhile "}, "elections",
		},
		"soak": {
			"soak --time 2s --every 1s --clients 2",
			[]string{"3 nodes, 2 clients each", "    1 s  ", "         n1 rss ", "         n2 rss ", "         n3 rss ",
				"    2 s  ", "         n1 rss "}, "does not level",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out, log bytes.Buffer
			flags := "--snapshot-every 200 --compact-tail 10 --snapshot-chunk 1000"
			err := run(t.Context(), append(strings.Fields(c.args), "--node", flags), &out, &log)
			if err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%v\n%s", err, &log)
			}
			lines := strings.Split(out.String(), "\n")
			for i, want := range c.lines {
				if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
					t.Fatalf("line %d does not begin with %q:\n%s", i+1, want, &out)
				}
			}
		})
	}
}
