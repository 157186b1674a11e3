package main

import (
	"errors"
	"fmt"

	"partita/harness/checker"
)

// The exit statuses. Unknown is never reported as valid.
const (
	exitValid   = 0
	exitInvalid = 1
	exitUnknown = 2
	exitUsage   = 254 // bad arguments or scenario
	exitBroke   = 255 // the harness or the cluster broke
)

// exitError ends the program with a status. Its error, if any, is printed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// broke says that the harness or the cluster broke.
func broke(err error) error { return &exitError{exitBroke, err} }

// usage says that arguments or a scenario cannot be.
func usage(err error) error { return &exitError{exitUsage, err} }

// exitOf is the status of a verdict.
func exitOf(v checker.Verdict) int {
	switch v {
	case checker.Valid:
		return exitValid
	case checker.Invalid:
		return exitInvalid
	}
	return exitUnknown
}

// statusOf is the status that an error ends the program with. What cobra
// itself refuses is bad usage.
func statusOf(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return exitValid
	case errors.As(err, &e):
		return e.code
	}
	return exitUsage
}
