package report

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"partita/harness/checker"
	"partita/harness/cluster"
	"partita/harness/history"
	"partita/harness/store"
	"partita/harness/trace"
	"partita/nemesis/wire"
)

// Input is what is known of a run once it is judged. What is missing is left
// out of the report; nothing but Results is required.
type Input struct {
	Results store.Results
	// Folder is where the run is kept, as a person would type it.
	Folder     string
	Nodes      []string // names, in order
	Events     []history.Event
	Operations []history.Operation
	Faults     []cluster.Fault
	// States and Logs are what the nodes left. Their instants are on
	// CLOCK_MONOTONIC, as is Results.MonotonicStartNS.
	States   []wire.State
	Logs     map[string][]wire.LogLine
	Failures []*checker.Failure
	Torn     bool // the history's last line was half written
	// Simulation and Trace are what a simulator knows of the cluster's inside.
	Simulation *store.Simulation
	Trace      []trace.Step
}

//go:embed assets/report.html
var pageSource string

//go:embed assets/report.css
var styleSource string

//go:embed assets/report.js
var scriptSource string

//go:embed assets/path.html
var pathSource string

//go:embed assets/account.html
var accountSource string

//go:embed assets/account.css
var accountStyle string

//go:embed assets/account.js
var accountScript string

// Write writes the report. The context bounds the drawing of failing keys.
func Write(ctx context.Context, w io.Writer, in Input) error {
	page, err := newPage(ctx, in)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return render(w, pageSource, page)
}

// render fills a page in and writes it.
func render(w io.Writer, source string, page any) error {
	t, err := template.New("page").Parse(source)
	if err == nil {
		_, err = t.New("account").Parse(accountSource)
	}
	if err != nil {
		return fmt.Errorf("report: parse page: %w", err)
	}
	// Rendered whole first, so that an error leaves no half a report.
	var out bytes.Buffer
	if err := t.Execute(&out, page); err != nil {
		return fmt.Errorf("report: render: %w", err)
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("report: write: %w", err)
	}
	return nil
}
