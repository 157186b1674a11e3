package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"partita/nemesis/agent/children"
	"partita/nemesis/agent/logbook"
	"partita/nemesis/agent/vdso"
	"partita/nemesis/wire"
)

var (
	// ErrNotRunning refuses a command that needs a running node.
	ErrNotRunning = errors.New("supervisor: the node does not run")
	// ErrCommand wraps complaints about what was asked for.
	ErrCommand = errors.New("supervisor: bad command")
)

// outputGrace is how long after a node's end its output is read on, should
// something else hold the pipe open.
const outputGrace = time.Second

// Options say what to run. All are needed but Env and Clocks.
type Options struct {
	Command []string // the program and its arguments
	Env     []string // in addition to the agent's own
	UID     int      // user and group
	Clocks  bool     // the clocks can be skewed
	Owner   *children.Owner
	Book    *logbook.Book
	Logger  *slog.Logger
}

// Supervisor is the parent of the node.
type Supervisor struct {
	options Options
	path    string
	turn    chan struct{}  // held by the command that is carried out
	watched sync.WaitGroup // for the goroutines of all boots

	// clocks are changed by who holds both turn and mu, and read by who holds
	// either.
	clocks vdso.Clocks

	mu    sync.Mutex
	node  *node // nil when it does not run
	last  *node // the latest boot
	boots int
	exits []wire.Exit
}

// node is one boot.
type node struct {
	child      *children.Child
	clocks     *vdso.Process // nil without Clocks
	terminated bool          // by a command
	killed     bool          // by a command
	gone       chan struct{} // closed when its exit is recorded
	read       chan struct{} // closed when all its output is in the book's queue
}

// New makes a supervisor of a node that does not run yet.
func New(o Options) (*Supervisor, error) {
	if len(o.Command) == 0 {
		return nil, errors.New("supervisor: no command")
	}
	path, err := exec.LookPath(o.Command[0])
	if err != nil {
		return nil, fmt.Errorf("supervisor: find the node's program: %w", err)
	}
	return &Supervisor{options: o, path: path, turn: make(chan struct{}, 1), clocks: vdso.TrueClocks()}, nil
}

// begin waits for the command's turn; its end calls s.end.
func (s *Supervisor) begin(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("supervisor: wait for another command: %w", ctx.Err())
	}
}

func (s *Supervisor) end() { <-s.turn }

func (s *Supervisor) running() *node {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node
}

// PID is the node's process, zero when it does not run.
func (s *Supervisor) PID() int {
	if n := s.running(); n != nil {
		return n.child.PID
	}
	return 0
}

// Start starts the node if it does not run.
func (s *Supervisor) Start(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	if s.running() != nil {
		return nil
	}
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("supervisor: make the node's output: %w", err)
	}
	n := &node{gone: make(chan struct{}), read: make(chan struct{})}
	spec := children.Spec{
		Path:   s.path,
		Args:   s.options.Command,
		Env:    slices.Concat(os.Environ(), s.options.Env),
		Stdout: write,
		Stderr: write,
	}
	uid := s.options.UID
	if uid != os.Geteuid() {
		spec.User = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	if s.options.Clocks {
		spec.AtExec = func(pid int) (err error) {
			n.clocks, err = vdso.Patch(pid, uid, uid, s.clocks)
			return err
		}
	}
	n.child, err = s.options.Owner.Start(spec)
	write.Close()
	if err != nil {
		read.Close()
		if n.clocks != nil {
			err = errors.Join(err, n.clocks.Close())
		}
		return fmt.Errorf("supervisor: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.node, s.last = n, n
	s.boots++
	s.watched.Go(func() { s.follow(n, read) })
	s.watched.Go(func() { s.watch(n, read) })
	return nil
}

// follow puts a boot's output into the book.
func (s *Supervisor) follow(n *node, output *os.File) {
	defer close(n.read)
	if err := s.options.Book.Follow(output); err != nil && !errors.Is(err, os.ErrClosed) {
		s.options.Logger.Error("the node's output is cut off", "pid", n.child.PID, "error", err)
	}
}

// watch records the end of a boot.
func (s *Supervisor) watch(n *node, output *os.File) {
	exit := n.child.Exit()
	s.mu.Lock()
	end := ended(n, exit)
	s.node = nil
	s.exits = append(s.exits, end)
	s.mu.Unlock()
	close(n.gone)
	s.options.Logger.Info("the node ended", "pid", end.PID, "code", end.Code, "signal", end.Signal, "asked", end.Asked)
	if n.clocks != nil {
		if err := n.clocks.Close(); err != nil {
			s.options.Logger.Warn("the node's memory was not let go", "pid", end.PID, "error", err)
		}
	}
	grace := time.NewTimer(outputGrace)
	defer grace.Stop()
	select {
	case <-n.read:
	case <-grace.C:
	}
	output.Close()
}

// ended describes a boot's end. Who was only killed and ended otherwise, before
// the signal arrived, did so on his own.
func ended(n *node, exit children.Exit) wire.Exit {
	e := wire.Exit{At: exit.At, PID: n.child.PID, Code: exit.Status.ExitStatus()}
	if exit.Status.Signaled() {
		e.Signal = unix.SignalName(exit.Status.Signal())
	}
	e.Asked = n.terminated || n.killed && exit.Status.Signal() == syscall.SIGKILL
	return e
}

// Stop ends the node with SIGTERM, if it runs, and waits for its exit. A node
// that is paused is resumed, or it would never see the signal.
func (s *Supervisor) Stop(ctx context.Context) error {
	err := s.finish(ctx, syscall.SIGTERM)
	if errors.Is(err, ErrNotRunning) {
		return nil
	}
	return err
}

// Kill ends the node with SIGKILL and waits for its exit.
func (s *Supervisor) Kill(ctx context.Context) error { return s.finish(ctx, syscall.SIGKILL) }

func (s *Supervisor) finish(ctx context.Context, with syscall.Signal) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	n, err := s.signal(with)
	if err != nil {
		return err
	}
	select {
	case <-n.gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("supervisor: the node, process %d, has not ended after %v: %w", n.child.PID, unix.SignalName(with), ctx.Err())
	}
}

// signal sends a signal to the node. For one that is to end it the exit is
// recorded as asked for; both happen under the lock that the record needs, so
// an end that came first is none of ours.
func (s *Supervisor) signal(sig syscall.Signal) (*node, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.node
	if n == nil {
		return nil, ErrNotRunning
	}
	err := n.child.Signal(sig)
	n.terminated = n.terminated || err == nil && sig == syscall.SIGTERM
	n.killed = n.killed || err == nil && sig == syscall.SIGKILL
	if err == nil && sig == syscall.SIGTERM {
		err = n.child.Signal(syscall.SIGCONT)
		if errors.Is(err, os.ErrProcessDone) {
			err = nil // so quickly
		}
	}
	switch {
	case errors.Is(err, os.ErrProcessDone):
		return nil, ErrNotRunning
	case err != nil:
		return nil, fmt.Errorf("supervisor: %w", err)
	}
	return n, nil
}

// Drain waits, if the node has ended, until all it wrote is in the book's
// queue.
func (s *Supervisor) Drain(ctx context.Context) error {
	s.mu.Lock()
	n, running := s.last, s.node != nil
	s.mu.Unlock()
	if n == nil || running {
		return nil
	}
	select {
	case <-n.read:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("supervisor: read the node's last output: %w", ctx.Err())
	}
}

// Close ends the node, with SIGKILL if it does not end in time, and waits for
// all that belongs to it, unless it may not be signalled. No command may follow.
func (s *Supervisor) Close(ctx context.Context) error {
	err := s.Stop(ctx)
	if err != nil {
		if n, killing := s.signal(syscall.SIGKILL); killing == nil {
			<-n.gone
		} else if !errors.Is(killing, ErrNotRunning) {
			return errors.Join(err, killing) // there is no end to be waited for
		}
	}
	s.watched.Wait()
	return err
}

// State is what there is to know of the node; the caller fills in the rest.
// Offsets of clocks are as they stand at the given instants of the true ones.
func (s *Supervisor) State(realtime, monotonic int64) (wire.State, error) {
	s.mu.Lock()
	n := s.node
	state := wire.State{Boots: s.boots, Exits: append([]wire.Exit{}, s.exits...)}
	if s.options.Clocks {
		state.Clock = inForce(s.clocks, realtime, monotonic)
	}
	s.mu.Unlock()
	if n == nil {
		return state, nil
	}
	state.PID = n.child.PID
	all, _, err := stopped(n.child.PID)
	if err != nil {
		return state, fmt.Errorf("supervisor: look at the node's threads: %w", err)
	}
	state.Stopped = all
	return state, nil
}
