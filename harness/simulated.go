package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"partita/harness/catalogue"
)

// simulator is a build of bin/sim. The harness never links the system under
// test: it runs it as a child.
type simulator struct {
	path string
	done func() // removes a build that was made for the occasion
	data uint64 // how much memory it may take, in bytes; 0: all that there is
}

// findSimulator finds bin/sim beside this program, or builds one with a bug into
// the folder.
func findSimulator(ctx context.Context, bug, folder string) (simulator, error) {
	if bug == "" {
		exe, err := os.Executable()
		if err != nil {
			return simulator{}, fmt.Errorf("finding this program: %w", err)
		}
		path := filepath.Join(filepath.Dir(exe), "sim")
		if _, err := os.Stat(path); err != nil {
			return simulator{}, fmt.Errorf("%w (make build makes it)", err)
		}
		return simulator{path: path, done: func() {}}, nil
	}
	root, b, err := findBug(bug)
	if err != nil {
		return simulator{}, err
	}
	s := simulator{path: filepath.Join(folder, "sim-with-bug")}
	s.done = func() { os.Remove(s.path) }
	if err := catalogue.Build(ctx, root, &b, "./sim", s.path); err != nil {
		s.done()
		return simulator{}, err
	}
	return s, nil
}

// simulatorGrace is how long an interrupted simulator may take to end.
const simulatorGrace = 10 * time.Second

// run runs the simulator and gives its exit status. An error is that it could
// not be run, broke, or was interrupted; the status may say all the same what it
// had found. It ends with this process, however that ends.
func (s simulator) run(ctx context.Context, out io.Writer, args ...string) (int, error) {
	cmd := exec.CommandContext(ctx, s.path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = simulatorGrace
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // that signal comes when the thread ends that started it
	defer runtime.UnlockOSThread()
	err := runWithin(cmd, s.data, 0)
	code := exitBroke
	if cmd.ProcessState != nil {
		code = cmd.ProcessState.ExitCode()
	}
	switch {
	case ctx.Err() != nil:
		return code, fmt.Errorf("the simulator was interrupted: %w", ctx.Err())
	case err != nil && (code < 0 || code >= exitBroke):
		return exitBroke, fmt.Errorf("the simulator broke: %w", err)
	}
	return code, nil
}

// simulate runs the scenario in the simulator, which leaves the same record in
// the run's folder as containers do.
func (x *execution) simulate(ctx context.Context) error {
	began := time.Now()
	sim, err := findSimulator(ctx, x.flags.bug, x.run.Dir)
	if err != nil {
		return err
	}
	x.done = sim.done
	x.results.Durations.Images = time.Since(began).Seconds()
	x.simulator = &sim
	began = time.Now()
	code, err := sim.run(ctx, x.out, "run", x.run.Dir)
	x.results.Durations.Run = time.Since(began).Seconds()
	if err == nil && code != 0 {
		err = fmt.Errorf("the simulator ended with exit status %d", code)
	}
	if err != nil {
		return err
	}
	inside, err := x.run.ReadSimulation()
	if err != nil || inside == nil {
		return errors.Join(errors.New("the simulator left no record"), err)
	}
	x.results.MonotonicStartNS = inside.StartNS
	return nil
}

// account lets the simulator tell an invalid run step by step.
func (x *execution) account(ctx context.Context) error {
	code, err := x.simulator.run(ctx, x.out, "run", x.run.Dir, "--account")
	if err == nil && code != 0 {
		err = fmt.Errorf("the simulator ended with exit status %d", code)
	}
	return err
}
