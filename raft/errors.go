package raft

import (
	"errors"
	"fmt"
	"slices"

	"partita/raft/core"
)

// Errors of requests. A definite one says that the command is in no log and
// never will be, or that the change or the transfer did not and will not happen.
// A read that fails did nothing in any case.
var (
	ErrNoLeader    = errors.New("raft: no leader is known")                           // definite
	ErrNotAccepted = errors.New("raft: refused by one who is no leader any more")     // definite
	ErrOverloaded  = errors.New("raft: too much is waiting")                          // definite
	ErrTooLarge    = errors.New("raft: command too large")                            // definite
	ErrStopped     = errors.New("raft: stopped")                                      // definite
	ErrLost        = errors.New("raft: no answer came; the command may have gone in") // indefinite

	// ErrTransferring: the leader is letting another member lead, and takes no
	// commands meanwhile.
	ErrTransferring = errors.New("raft: the leader is letting another lead") // definite

	// Of ChangeMembers and TransferLeadership alone.
	ErrNotLeader     = errors.New("raft: only the leader does this")                                                                                         // definite
	ErrNotReady      = errors.New("raft: the leader has committed nothing in its term yet")                                                                  // definite
	ErrChangePending = errors.New("raft: another change of the configuration is under way")                                                                  // definite
	ErrBadChange     = errors.New("raft: it makes no sense for the present configuration, where a voter is made of a learner and each member is named once") // definite
	ErrCatchingUp    = errors.New("raft: the member lacks too much of the log to vote or to lead")                                                           // definite
	ErrAbandoned     = errors.New("raft: the member did not take the lead within an election timeout")                                                       // indefinite: it may do so yet

	// ErrOverwritten: another term's entry took the place of the change.
	ErrOverwritten = errors.New("raft: an entry of another term took its place") // definite
)

// definites are the errors after which nothing happened.
var definites = []error{
	ErrNoLeader, ErrNotAccepted, ErrOverloaded, ErrTooLarge, ErrStopped, ErrTransferring,
	ErrNotLeader, ErrNotReady, ErrChangePending, ErrBadChange, ErrCatchingUp, ErrOverwritten,
}

// reasons puts the core's reasons as errors.
var reasons = map[core.Reason]error{
	core.NoLeader:      ErrNoLeader,
	core.NotAccepted:   ErrNotAccepted,
	core.Lost:          ErrLost,
	core.Overloaded:    fmt.Errorf("%w: the leader's log holds too much that is not committed", ErrOverloaded),
	core.Transferring:  ErrTransferring,
	core.NotLeader:     ErrNotLeader,
	core.NotReady:      ErrNotReady,
	core.ChangePending: ErrChangePending,
	core.BadChange:     ErrBadChange,
	core.CatchingUp:    ErrCatchingUp,
	core.Abandoned:     ErrAbandoned,
}

// Definite says whether an error of a request means that the command, change or
// transfer did not happen and will not. The end of a context does not.
func Definite(err error) bool {
	return slices.ContainsFunc(definites, func(definite error) bool { return errors.Is(err, definite) })
}

// refusal puts the core's reason as an error.
func refusal(reason core.Reason) error {
	if err, known := reasons[reason]; known {
		return err
	}
	return fmt.Errorf("%w (reason %d)", ErrLost, reason)
}
