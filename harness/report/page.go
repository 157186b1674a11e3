package report

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"partita/harness/checker"
	"partita/harness/history"
	"partita/harness/store"
)

// page is all that the template shows.
type page struct {
	Style  template.CSS
	Script template.JS
	// AccountStyle and AccountScript are those of Account.
	AccountStyle  template.CSS
	AccountScript template.JS
	Results       store.Results
	Class         string // one of the three verdicts
	Mark          string // the verdict's shape
	Headline      string
	Started       string
	Folder        string
	Torn          bool
	Tiles         []tile
	Failures      []failure
	More          int      // failing keys that are not explained
	Account       *account // nil without a trace
	Inside        *inside  // nil unless the run was simulated
	Checks        []check
	Figures       figures
	Faults        []faultRow
	Kinds         []kindRow
	Errors        []errorRow
	Spent         []pair
	Versions      []pair
}

// tile is one number of the summary.
type tile struct{ Value, Name, Note string }

// check is a row of the table of checks.
type check struct {
	Name, Mark string
	checker.Result
}

// kindRow is one kind of operation, with latencies of the ok ones.
type kindRow struct {
	Name                    string
	Total, OK, Fail, Info   int
	Median, High, VeryHigh  string
	Share                   string // of ok
	OKPart, FailPart, Other float64
}

// errorRow is one error and how often it ended an operation.
type errorRow struct {
	Error, Type string
	Count       int
}

type pair struct{ Name, Value string }

func newPage(ctx context.Context, in Input) (page, error) {
	r := in.Results
	p := page{
		Style:    template.CSS(styleSource),
		Script:   template.JS(scriptSource),
		Results:  r,
		Class:    classOf(r.Verdict),
		Mark:     markOf(r.Verdict),
		Headline: headline(r.Verdict),
		Folder:   in.Folder,
		Torn:     in.Torn,
		Tiles:    tilesOf(in),
		Account:  newAccount(in.Trace),
		Inside:   insideOf(in.Simulation),
		Checks:   checksOf(r.Checks),
		Faults:   faultRows(in.Faults),
		Kinds:    kindsOf(in),
		Errors:   errorsOf(in.Operations),
		Spent: []pair{
			{"building images", secondsOf(r.Durations.Images)}, {"setting up", secondsOf(r.Durations.Setup)},
			{"running", secondsOf(r.Durations.Run)}, {"checking", secondsOf(r.Durations.Check)},
			{"taking down", secondsOf(r.Durations.Teardown)},
		},
		Versions: versionsOf(r),
	}
	if !r.Started.IsZero() {
		p.Started = r.Started.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	if p.Account != nil {
		p.AccountStyle, p.AccountScript = template.CSS(accountStyle), template.JS(accountScript)
	}
	p.Figures = figuresOf(in)
	for _, f := range in.Failures {
		shown, err := newFailure(ctx, in, f)
		if err != nil {
			return page{}, err
		}
		p.Failures = append(p.Failures, shown)
	}
	p.More = max(0, len(r.Checks["linearizable"].Failing)-len(p.Failures))
	return p, nil
}

// classOf is the verdict, or unknown for anything that is none.
func classOf(v checker.Verdict) string {
	if v == checker.Valid || v == checker.Invalid {
		return string(v)
	}
	return string(checker.Unknown)
}

// markOf is the verdict's shape, so that it does not rest on colour.
func markOf(v checker.Verdict) string {
	switch v {
	case checker.Valid:
		return "✓"
	case checker.Invalid:
		return "✕"
	}
	return "?"
}

func headline(v checker.Verdict) string {
	switch v {
	case checker.Valid:
		return "Every check passed."
	case checker.Invalid:
		return "The cluster broke a promise."
	}
	return "The run proves nothing either way."
}

func tilesOf(in Input) []tile {
	r := in.Results
	tiles := []tile{
		{thousands(r.Operations.Total), "operations", percent(r.Operations.OK, r.Operations.Total) + " ok"},
	}
	if a := r.Checks["availability"]; a.OutsideFaults != nil {
		tiles = append(tiles, tile{fmt.Sprintf("%.1f %%", 100**a.OutsideFaults), "ok outside faults", "from each recovery to the next fault"})
	}
	asked, evident := 0, 0
	for _, c := range r.Faults {
		asked, evident = asked+c.Asked, evident+c.Evident
	}
	tiles = append(tiles, tile{strconv.Itoa(asked), plural(asked, "fault"), fmt.Sprintf("%d evident", evident)})
	if l, ok := r.Checks["linearizable"]; ok {
		tiles = append(tiles, tile{thousands(l.Keys), plural(l.Keys, "key") + " judged",
			fmt.Sprintf("%d failing, %d undecided", len(l.Failing), len(l.Undecided))})
	}
	if s := r.Checks["exactly-once"].Sessions; s != nil {
		tiles = append(tiles, tile{thousands(s.Resent), "copies sent again",
			fmt.Sprintf("%d duplicates, %d expired", s.Duplicates, s.Expired)})
	}
	return append(tiles, tile{strconv.Itoa(r.Nodes), plural(r.Nodes, "node"), "on " + cmp.Or(r.Cluster, "an unknown cluster")})
}

func checksOf(results map[string]checker.Result) []check {
	var checks []check
	for _, name := range slices.Sorted(maps.Keys(results)) {
		checks = append(checks, check{name, markOf(results[name].Verdict), results[name]})
	}
	// The worst first; among equals by name.
	slices.SortStableFunc(checks, func(a, b check) int {
		switch {
		case a.Verdict.Worse(b.Verdict):
			return -1
		case b.Verdict.Worse(a.Verdict):
			return 1
		}
		return 0
	})
	return checks
}

func kindsOf(in Input) []kindRow {
	latencies := make(map[string][]time.Duration)
	for _, op := range in.Operations {
		if op.Complete.Type == history.OK {
			latencies[op.Invoke.F] = append(latencies[op.Invoke.F], op.Complete.Time-op.Invoke.Time)
		}
	}
	var rows []kindRow
	for _, name := range slices.Sorted(maps.Keys(in.Results.Operations.By)) {
		c := in.Results.Operations.By[name]
		row := kindRow{Name: name, OK: c.OK, Fail: c.Fail, Info: c.Info, Total: c.OK + c.Fail + c.Info}
		row.Share = percent(row.OK, row.Total)
		if row.Total > 0 {
			row.OKPart = 100 * float64(row.OK) / float64(row.Total)
			row.FailPart = 100 * float64(row.Fail) / float64(row.Total)
			row.Other = 100 * float64(row.Info) / float64(row.Total)
		}
		if l := latencies[name]; len(l) > 0 {
			slices.Sort(l)
			row.Median, row.High, row.VeryHigh = short(quantile(l, 0.5)), short(quantile(l, 0.99)), short(l[len(l)-1])
		}
		rows = append(rows, row)
	}
	return rows
}

// errorsShown bounds the table of errors.
const errorsShown = 12

func errorsOf(ops []history.Operation) []errorRow {
	counts := make(map[errorRow]int)
	for _, op := range ops {
		if op.Complete.Type == history.OK {
			continue
		}
		code, _, _ := strings.Cut(op.Complete.Error, ":")
		counts[errorRow{Error: cmp.Or(clip(code, 80), "no error given"), Type: string(op.Complete.Type)}]++
	}
	var rows []errorRow
	for row, n := range counts {
		row.Count = n
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b errorRow) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Error, b.Error), cmp.Compare(a.Type, b.Type))
	})
	return rows[:min(len(rows), errorsShown)]
}

func versionsOf(r store.Results) []pair {
	commit := r.Commit
	if r.Dirty {
		commit += " with changes"
	}
	all := []pair{{"partita", r.Versions.Partita}, {"commit", commit}, {"go", r.Versions.Go}, {"engine", r.Versions.Engine}, {"kernel", r.Versions.Kernel}}
	return slices.DeleteFunc(all, func(p pair) bool { return p.Value == "" })
}
