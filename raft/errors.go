package raft

import (
	"errors"
	"fmt"

	"partita/raft/core"
)

// Errors of requests. A definite one says that the command is in no log and
// never will be. A read that fails did nothing in any case.
var (
	ErrNoLeader    = errors.New("raft: no leader is known")                           // definite
	ErrNotAccepted = errors.New("raft: refused by one who is no leader any more")     // definite
	ErrOverloaded  = errors.New("raft: too much is waiting")                          // definite
	ErrTooLarge    = errors.New("raft: command too large")                            // definite
	ErrStopped     = errors.New("raft: stopped")                                      // definite
	ErrLost        = errors.New("raft: no answer came; the command may have gone in") // indefinite
)

// Definite says whether an error of Propose or ProposeAsync means that the
// command did not happen and will not. The end of a context does not.
func Definite(err error) bool {
	for _, definite := range []error{ErrNoLeader, ErrNotAccepted, ErrOverloaded, ErrTooLarge, ErrStopped} {
		if errors.Is(err, definite) {
			return true
		}
	}
	return false
}

// refusal puts the core's reason as an error.
func refusal(reason core.Reason) error {
	switch reason {
	case core.NoLeader:
		return ErrNoLeader
	case core.NotAccepted:
		return ErrNotAccepted
	case core.Lost:
		return ErrLost
	}
	return fmt.Errorf("%w (reason %d)", ErrLost, reason)
}
