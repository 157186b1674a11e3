package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"partita/harness/checker"
	"partita/harness/cluster"
	"partita/harness/history"
	"partita/harness/store"
)

// written is a report as text.
func written(t testing.TB, in Input) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(t.Context(), &b, in); err != nil {
		t.Fatal(err)
	}
	keepSample(t, b.Bytes())
	return b.String()
}

// keepSample keeps a page in the folder REPORT_SAMPLES, if that is set.
func keepSample(t testing.TB, page []byte) {
	t.Helper()
	dir := os.Getenv("REPORT_SAMPLES")
	if dir == "" {
		return
	}
	name := strings.ReplaceAll(t.Name(), "/", "-") + ".html"
	if err := os.WriteFile(filepath.Join(dir, name), page, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestVerdicts writes a whole report of each verdict. With REPORT_SAMPLES set
// to a folder, they are kept there to be looked at.
func TestVerdicts(t *testing.T) {
	cases := []struct {
		verdict checker.Verdict
		want    []string
	}{
		{checker.Valid, []string{"Every check passed.", "bin/harness run partition --seed 42</code>", "16 of 16", "not repeat the interleaving"}},
		{checker.Unknown, []string{"proves nothing", "vacuous: partition: 0 of 6 faults were evident", "0 of 12 cut directions silent"}},
		{checker.Invalid, []string{"broke a promise", "no order explains it", "--bug local-read", "before the read began", "render(data)", "completes the violation", "peer does not answer"}},
	}
	for _, c := range cases {
		t.Run(string(c.verdict), func(t *testing.T) {
			page := written(t, sample(t, c.verdict, 6000))
			for _, want := range append(c.want, "leader, term", "fault 3: partition one-way", "20.10.24") {
				if want == "16 of 16" {
					want = "12 of 12 cut directions silent, 8 of 8 open ones heard"
				}
				if !strings.Contains(page, want) {
					t.Errorf("the report lacks %q", want)
				}
			}
			for _, bad := range []string{hostile, "<img", "http://", "https://", "ZgotmplZ"} {
				if strings.Contains(strings.ReplaceAll(page, "http://www.w3.org/2000/svg", ""), bad) {
					t.Errorf("the report holds %q", bad)
				}
			}
		})
	}
}

// TestSize writes a long run's report, two megabytes at most.
func TestSize(t *testing.T) {
	if page := written(t, sample(t, checker.Invalid, 25_000)); len(page) > 2<<20 {
		t.Errorf("the report has %d bytes", len(page))
	}
}

// TestBare writes reports of runs of which little is known.
func TestBare(t *testing.T) {
	cases := map[string]Input{
		"nothing at all":  {},
		"not finished":    {Results: store.Results{Verdict: checker.Unknown, Reason: store.NotFinished}},
		"a fault alone":   {Faults: []cluster.Fault{{Nemesis: "kill", At: time.Second}}},
		"nodes, no logs":  {Nodes: []string{"n1"}, Operations: []history.Operation{{Invoke: history.Event{F: "read", Time: 1}, Complete: history.Event{Type: history.Info, Time: history.Never}}}},
		"one at time 0":   {Operations: []history.Operation{{}}},
		"a torn last one": {Torn: true},
	}
	for name, in := range cases {
		t.Run(name, func(t *testing.T) {
			if page := written(t, in); !strings.HasSuffix(strings.TrimSpace(page), "</html>") {
				t.Errorf("the report ends with %q", page[max(0, len(page)-80):])
			}
		})
	}
}

func TestText(t *testing.T) {
	cases := []struct{ name, got, want string }{
		{"all", percent(10, 10), "100 %"},
		{"nearly all", percent(99_999, 100_000), "99.9 %"},
		{"none of none", percent(0, 0), "0 %"},
		{"thousands", thousands(21007), "21\u2009007"},
		{"few", thousands(7), "7"},
		{"clipped at a rune", clip("aé", 2), "a…"},
		{"not clipped", clip("aé", 3), "aé"},
		{"microseconds", short(250 * time.Microsecond), "250 µs"},
		{"milliseconds", short(12345 * time.Microsecond), "12.3 ms"},
		{"seconds", short(5 * time.Second), "5.00 s"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.got != c.want {
				t.Errorf("%q, want %q", c.got, c.want)
			}
		})
	}
}

func TestBucketWidth(t *testing.T) {
	for _, end := range []time.Duration{1, time.Second, time.Minute, time.Hour, 30 * 24 * time.Hour} {
		if n := int(end/bucketWidth(end)) + 1; n > bucketsMax+1 {
			t.Errorf("%v has %d buckets", end, n)
		}
	}
}
