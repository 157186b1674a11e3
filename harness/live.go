package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"partita/harness/cluster"
	"partita/harness/history"
	"partita/harness/scenario"
)

// How often progress is shown: on a terminal one line that is rewritten, in a
// log a line at a time.
const (
	terminalEvery = 500 * time.Millisecond
	logEvery      = 10 * time.Second
)

// live shows a run while it goes on.
type live struct {
	out      io.Writer
	terminal bool
	limit    time.Duration
	now      func() time.Duration

	mu      sync.Mutex // guards what follows
	counts  map[history.Type]int
	current []string // the faults in force
	asked   int
	evident int
}

func newLive(out io.Writer, s *scenario.Scenario, now func() time.Duration) *live {
	l := &live{out: out, limit: s.TimeLimit, now: now, counts: map[history.Type]int{}}
	if f, ok := out.(*os.File); ok {
		l.terminal = term.IsTerminal(int(f.Fd()))
	}
	return l
}

// watch counts an event.
func (l *live) watch(e history.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Process != history.NemesisProcess {
		l.counts[e.Type]++
		return
	}
	what, began, ok := history.Fault(e)
	name := e.F + " " + what
	switch {
	case !ok:
	case began:
		l.current = append(l.current, name)
	default:
		l.current = slices.DeleteFunc(l.current, func(c string) bool { return c == name })
	}
}

// fault counts a fault with its evidence.
func (l *live) fault(f cluster.Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	if f.Evident {
		l.evident++
	}
}

// show writes progress until ctx ends.
func (l *live) show(ctx context.Context, w cluster.World) {
	every := logEvery
	if l.terminal {
		every = terminalEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	last, lastAt := map[history.Type]int{}, time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			if l.terminal {
				fmt.Fprint(l.out, "\r\x1b[K")
			}
			return
		case <-tick.C:
		}
		leader, ok := leaderOf(w)
		if !ok {
			leader = "none"
		}
		now := l.now()
		line := l.line(now, last, now-lastAt, leader)
		lastAt = now
		if l.terminal {
			fmt.Fprint(l.out, "\r\x1b[K"+line)
		} else {
			fmt.Fprintln(l.out, line)
		}
	}
}

// line says where the run stands, with rates since the counts in last, which
// it brings up to date.
func (l *live) line(now time.Duration, last map[history.Type]int, since time.Duration, leader string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	rate := func(t history.Type) string {
		n := l.counts[t] - last[t]
		last[t] = l.counts[t]
		return fmt.Sprintf("%s %.0f/s", t, float64(n)/max(since.Seconds(), 0.001))
	}
	fault := "no fault"
	if len(l.current) > 0 {
		fault = strings.Join(l.current, ", ")
	}
	return fmt.Sprintf("%3.0f s of %.0f  %s  %s  %s  leader %s  faults %d, evident %d  %s",
		now.Seconds(), l.limit.Seconds(), rate(history.OK), rate(history.Fail), rate(history.Info), leader, l.asked, l.evident, fault)
}
