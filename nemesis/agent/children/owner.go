package children

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"partita/nemesis/agent/mono"
)

// ErrClosed says that the owner takes no more calls.
var ErrClosed = errors.New("children: closed")

// Owner is the parent of all children. Nothing else in the program may start
// or wait for a process.
type Owner struct {
	calls  chan call // unbuffered: whoever calls waits for his turn
	closed chan struct{}
	close  sync.Once
	done   chan struct{}
	// alive belongs to the thread.
	alive map[int]*Child
}

// call is work for the thread.
type call struct {
	run  func()
	done chan struct{}
}

// Exit is the end of a child.
type Exit struct {
	At     int64 // on the shared clock, in nanoseconds: when it was reaped
	Status syscall.WaitStatus
}

// Child is a process that the owner has started.
type Child struct {
	PID   int
	owner *Owner
	done  chan struct{}
	exit  Exit // written before done is closed
}

// New starts the owner's thread. No child of it can ever gain privileges by
// what it executes.
func New() (*Owner, error) {
	o := &Owner{calls: make(chan call), closed: make(chan struct{}), done: make(chan struct{}), alive: map[int]*Child{}}
	ready := make(chan error)
	go o.loop(ready)
	if err := <-ready; err != nil {
		return nil, err
	}
	return o, nil
}

// loop is the thread.
func (o *Owner) loop(ready chan<- error) {
	defer close(o.done)
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		ready <- fmt.Errorf("children: give up new privileges: %w", err)
		return
	}
	// One signal may stand for several ends, so one place in the queue is enough.
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	ready <- nil
	for {
		select {
		case c := <-o.calls:
			c.run()
			close(c.done)
		case <-ended:
			o.reap()
		case <-o.closed:
			o.end()
			return
		}
	}
}

// end kills and reaps the children that still live. Should the agent itself be
// killed the kernel does it, by Pdeathsig.
func (o *Owner) end() {
	for pid, c := range o.alive {
		// Only without the right to signal another user can this fail; then the
		// agent's own end, as PID 1, is the child's too.
		failed := syscall.Kill(pid, syscall.SIGKILL)
		for failed == nil {
			err := wait(pid, &c.exit.Status)
			if err != nil || c.exit.Status.Exited() || c.exit.Status.Signaled() {
				break
			}
		}
		c.exit.At = mono.Now()
		close(c.done)
		delete(o.alive, pid)
	}
}

// do runs f on the thread.
func (o *Owner) do(f func()) error {
	c := call{f, make(chan struct{})}
	select {
	case o.calls <- c:
		<-c.done
		return nil
	case <-o.done:
		return ErrClosed
	}
}

// Close ends the thread, and with SIGKILL all children that still live.
func (o *Owner) Close() {
	o.close.Do(func() { close(o.closed) })
	<-o.done
}

// reap takes the exits of all children that have ended, orphans included.
func (o *Owner) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG|syscall.WALL, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid == 0 {
			return
		}
		c := o.alive[pid]
		if c == nil || !status.Exited() && !status.Signaled() {
			continue // an orphan
		}
		delete(o.alive, pid)
		c.exit = Exit{At: mono.Now(), Status: status}
		close(c.done)
	}
}

// Spec is a child to be started.
type Spec struct {
	Path string
	Args []string // Args[0] is the program's name
	Env  []string
	// Stdin, Stdout and Stderr; nil is /dev/null.
	Stdin, Stdout, Stderr *os.File
	// User runs the child as that user and group, without others. Nil: as the
	// agent.
	User *syscall.Credential
	// AtExec, if not nil, is called on the owner's thread, which traces the
	// child, while it stands at its exec and has not run an instruction. An
	// error ends the child.
	AtExec func(pid int) error
}

// Start starts a child. An error means that nothing of it runs.
func (o *Owner) Start(spec Spec) (*Child, error) {
	var child *Child
	var err error
	if closed := o.do(func() { child, err = o.start(spec) }); closed != nil {
		return nil, closed
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	return child, nil
}

func (o *Owner) start(spec Spec) (*Child, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	var files []uintptr
	for _, f := range []*os.File{spec.Stdin, spec.Stdout, spec.Stderr} {
		if f == nil {
			f = null
		}
		files = append(files, f.Fd())
	}
	pid, err := syscall.ForkExec(spec.Path, spec.Args, &syscall.ProcAttr{
		Env:   spec.Env,
		Files: files,
		Sys: &syscall.SysProcAttr{
			Credential: spec.User,
			Setsid:     true,
			Pdeathsig:  syscall.SIGKILL,
			Ptrace:     spec.AtExec != nil,
		},
	})
	runtime.KeepAlive(spec)
	if err != nil {
		return nil, err
	}
	if spec.AtExec != nil {
		if err := atExec(pid, spec.AtExec); err != nil {
			return nil, err
		}
	}
	child := &Child{PID: pid, owner: o, done: make(chan struct{})}
	o.alive[pid] = child
	return child, nil
}

// atExec waits for the stop at the exec, runs f and lets the child go. On an
// error the child is ended and reaped.
func atExec(pid int, f func(pid int) error) (err error) {
	var status syscall.WaitStatus
	if err := wait(pid, &status); err != nil {
		return fmt.Errorf("wait for its exec: %w", err)
	}
	if !status.Stopped() {
		return fmt.Errorf("it ended before its exec, status %#x", uint32(status))
	}
	defer func() {
		if err == nil {
			return
		}
		if kill := syscall.Kill(pid, syscall.SIGKILL); kill != nil {
			err = errors.Join(err, fmt.Errorf("end it: %w", kill))
			return
		}
		for wait(pid, &status) == nil && !status.Exited() && !status.Signaled() {
		}
	}()
	if err := f(pid); err != nil {
		return err
	}
	if err := syscall.PtraceDetach(pid); err != nil {
		return fmt.Errorf("let it go after its exec: %w", err)
	}
	return nil
}

func wait(pid int, status *syscall.WaitStatus) error {
	for {
		_, err := syscall.Wait4(pid, status, syscall.WALL, nil)
		if err != syscall.EINTR {
			return err
		}
	}
}

// Done is closed when the child has ended and been reaped.
func (c *Child) Done() <-chan struct{} { return c.done }

// Exit is how the child ended. It may be called once Done is closed.
func (c *Child) Exit() Exit {
	<-c.done
	return c.exit
}

// Wait waits for the child's end.
func (c *Child) Wait(ctx context.Context) (Exit, error) {
	select {
	case <-c.done:
		return c.exit, nil
	case <-ctx.Done():
		return Exit{}, fmt.Errorf("wait for process %d: %w", c.PID, ctx.Err())
	}
}

// Signal sends a signal, or returns os.ErrProcessDone if the child has ended.
// A child that ended before the call never takes the signal for its own.
func (c *Child) Signal(sig syscall.Signal) error {
	var err error
	if closed := c.owner.do(func() {
		c.owner.reap()
		if c.owner.alive[c.PID] != c {
			err = os.ErrProcessDone
			return
		}
		err = syscall.Kill(c.PID, sig)
	}); closed != nil {
		return closed
	}
	if err != nil {
		return fmt.Errorf("signal %v to process %d: %w", sig, c.PID, err)
	}
	return nil
}
