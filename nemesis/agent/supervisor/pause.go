package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// lookEvery is how often the states of threads are looked at while they
// change, which is a matter of microseconds.
const lookEvery = 200 * time.Microsecond

// Pause stops the node with SIGSTOP and waits until every thread is stopped.
func (s *Supervisor) Pause(ctx context.Context) error {
	return s.freeze(ctx, syscall.SIGSTOP, func(all, _ bool) bool { return all })
}

// Resume lets the node go on and waits until no thread is stopped.
func (s *Supervisor) Resume(ctx context.Context) error {
	return s.freeze(ctx, syscall.SIGCONT, func(_, some bool) bool { return !some })
}

func (s *Supervisor) freeze(ctx context.Context, with syscall.Signal, reached func(all, some bool) bool) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	n, err := s.signal(with)
	if err != nil {
		return err
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		all, some, err := stopped(n.child.PID)
		if err != nil {
			return fmt.Errorf("supervisor: look at the node's threads: %w", err)
		}
		select {
		case <-n.gone: // what was seen may have been nothing at all
			return ErrNotRunning
		default:
		}
		if reached(all, some) {
			return nil
		}
		select {
		case <-look.C:
		case <-n.gone:
			return ErrNotRunning
		case <-ctx.Done():
			return fmt.Errorf("supervisor: wait for the node's threads after %v: %w", with, ctx.Err())
		}
	}
}

// stopped says whether all and whether some threads of a process are stopped by
// a signal. Threads that have ended do not count; of a process that has, none
// are.
func stopped(pid int) (all, some bool, err error) {
	folder := fmt.Sprintf("/proc/%d/task", pid)
	threads, err := os.ReadDir(folder)
	if gone(err) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	stopped, others := 0, 0
	for _, t := range threads {
		stat, err := os.ReadFile(folder + "/" + t.Name() + "/stat")
		if gone(err) {
			continue
		}
		if err != nil {
			return false, false, err
		}
		switch state(stat) {
		case 'T':
			stopped++
		case 'Z', 'X':
		default:
			others++
		}
	}
	return stopped > 0 && others == 0, stopped > 0, nil
}

func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

// state is the letter behind the program's name, which is in parentheses and
// may hold any others; zero if there is none.
func state(stat []byte) byte {
	i := bytes.LastIndexByte(stat, ')')
	if i < 0 || i+2 >= len(stat) {
		return 0
	}
	return stat[i+2]
}
