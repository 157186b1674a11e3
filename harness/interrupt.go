package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// sameSignal is how soon after the first a signal still is the same: make and
// timeout send theirs to the process and to its group.
const sameSignal = time.Second

// interruptible gives a context that the first SIGINT, SIGTERM or SIGHUP ends,
// so that a run ends in order. The second says what is still going on, the
// third ends the program at once. A reader of the output that went away ends
// nothing: it would leave the containers. The function takes all that back.
func interruptible(ctx context.Context, stderr io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	caught := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup does
		caught = append(caught, syscall.SIGHUP)
	}
	signals, pipe := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(signals, caught...)
	signal.Notify(pipe, syscall.SIGPIPE) // never read: the write that raised it fails
	done := make(chan struct{})
	var heeding sync.WaitGroup
	heeding.Go(func() { heed(signals, done, cancel, func() { signal.Stop(signals) }, stderr) })
	return ctx, func() {
		close(done)
		heeding.Wait()
		signal.Stop(signals)
		signal.Stop(pipe)
		cancel()
	}
}

// heed calls interrupt at the first signal and letGo at the second, after
// which the program's signals do again what they do by default.
func heed(signals <-chan os.Signal, done <-chan struct{}, interrupt, letGo func(), stderr io.Writer) {
	var first time.Time
	for {
		select {
		case <-done:
			return
		case <-signals:
		}
		switch {
		case first.IsZero():
			first = time.Now()
			interrupt()
		case time.Since(first) > sameSignal:
			fmt.Fprintln(stderr, "harness: healing, judging and removing take some seconds; one more signal ends this at once, and harness clean removes what it leaves")
			letGo()
			return
		}
	}
}
