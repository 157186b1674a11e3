package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// How often progress is shown: on a terminal one line that is rewritten, in a
// log a line at a time.
const (
	terminalEvery = 500 * time.Millisecond
	logEvery      = 10 * time.Second
)

// ticker shows progress: show is given what there is to say, as often as it
// changes, and done takes it away.
func ticker(w io.Writer) (show func(string), done func()) {
	every, erase, end := logEvery, "", "\n"
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		every, erase, end = terminalEvery, "\r\x1b[K", ""
	}
	told := time.Now()
	return func(line string) {
		if now := time.Now(); now.Sub(told) >= every {
			told = now
			fmt.Fprint(w, erase, line, end)
		}
	}, func() { fmt.Fprint(w, erase) }
}
