package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestHeed(t *testing.T) {
	for name, tc := range map[string]struct {
		pauses      []time.Duration // before each signal
		interrupted int
		letGo       bool
		says        string
	}{
		"none":            {},
		"one":             {pauses: []time.Duration{0}, interrupted: 1},
		"one, sent twice": {pauses: []time.Duration{0, 10 * time.Millisecond}, interrupted: 1},
		"a second":        {pauses: []time.Duration{0, 2 * time.Second}, interrupted: 1, letGo: true, says: "harness clean"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				signals, done, ended := make(chan os.Signal), make(chan struct{}), make(chan struct{})
				interrupted, letGo := 0, false
				var out bytes.Buffer
				go func() {
					defer close(ended)
					heed(signals, done, func() { interrupted++ }, func() { letGo = true }, &out)
				}()
				for _, p := range tc.pauses {
					<-time.After(p)
					signals <- os.Interrupt
				}
				close(done)
				<-ended
				if interrupted != tc.interrupted || letGo != tc.letGo || !strings.Contains(out.String(), tc.says) {
					t.Errorf("interrupted %d times, let go %v, said %q", interrupted, letGo, out.String())
				}
			})
		})
	}
}
