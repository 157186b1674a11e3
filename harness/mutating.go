package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"partita/harness/catalogue"
	"partita/harness/mutant"
	"partita/harness/store"
)

const (
	// mutantCPU is how many times as much of the processor as the unchanged tests
	// those of a mutant may take, and leastCPU how much in any case. Time on the
	// clock is no measure on a machine that does other things as well; it ends those
	// that wait for something in vain.
	mutantCPU      = 5
	leastCPU       = 10 * time.Second
	mutantPatience = 20
	leastPatience  = time.Minute
	// mutantMemory is what a mutant that never ends may take meanwhile.
	mutantMemory = 4 << 30
)

// mutating tries mutants of one package.
type mutating struct {
	mutateFlags
	root string
	temp string
	cost []cost // of each package of tests
}

// cost is what a run of tests takes.
type cost struct{ cpu, clock time.Duration }

// limit is what a mutant may take.
func (c cost) limit() cost {
	return cost{max(leastCPU, mutantCPU*c.cpu), max(leastPatience, mutantPatience*c.clock)}
}

// try has the tests look at every mutant that nothing is known of, and then
// the simulator at those that they did not notice. What it learns goes into known, and to lines.
func try(ctx context.Context, out io.Writer, f mutateFlags, root string, chosen []mutant.Mutant, known map[string]store.Mutation, lines *store.Lines) error {
	temp, done, err := tempFolder()
	if err != nil {
		return err
	}
	defer done()
	t := mutating{mutateFlags: f, root: root, temp: temp}
	learn := func(m mutant.Mutant, got store.Mutation) error {
		got.Name, got.Line = m.Name(), m.Line
		known[got.Name] = got
		fmt.Fprintf(out, "%s:%d:%d  %s  %s -> %s: %s %s\n", m.File, m.Line, m.Column, m.Kind, m.Before, m.After, got.Outcome, got.By)
		return lines.Append(got)
	}
	fresh := filter(chosen, func(m mutant.Mutant) bool { return known[m.Name()].Outcome == "" })
	if len(fresh) > 0 {
		if err := t.time(ctx); err != nil {
			return err
		}
		fmt.Fprintf(out, "%d mutants of %s for the tests of %s\n", len(fresh), f.pkg, strings.Join(f.tests, ", "))
		if err := t.each(ctx, fresh, t.test, learn); err != nil {
			return err
		}
	}
	left := filter(chosen, func(m mutant.Mutant) bool {
		k := known[m.Name()]
		return k.Outcome == store.Unnoticed && k.Explored < f.explore.Seconds()
	})
	if len(left) == 0 {
		return nil
	}
	fmt.Fprintf(out, "%d mutants for the simulator, %v each\n", len(left), f.explore)
	if err := t.unchanged(ctx); err != nil {
		return err
	}
	return t.each(ctx, left, t.simulate, learn)
}

func filter(all []mutant.Mutant, wanted func(mutant.Mutant) bool) []mutant.Mutant {
	var some []mutant.Mutant
	for _, m := range all {
		if wanted(m) {
			some = append(some, m)
		}
	}
	return some
}

// each tries mutants, several at once, and tells what came of them in their order.
func (t *mutating) each(ctx context.Context, all []mutant.Mutant, try func(context.Context, mutant.Mutant, string) (store.Mutation, error), learn func(mutant.Mutant, store.Mutation) error) error {
	type outcome struct {
		got store.Mutation
		err error
	}
	ctx, cancel := context.WithCancel(ctx)
	outcomes := make([]chan outcome, len(all))
	for i := range all {
		outcomes[i] = make(chan outcome, 1)
	}
	next := make(chan int, len(all))
	for i := range all {
		next <- i
	}
	close(next)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	for range t.workers {
		workers.Go(func() {
			for i := range next {
				began := time.Now()
				got, err := t.inFolder(ctx, all[i], try)
				got.Seconds = time.Since(began).Seconds()
				outcomes[i] <- outcome{got, err}
			}
		})
	}
	for i, m := range all {
		o := <-outcomes[i]
		if o.err == nil {
			o.err = learn(m, o.got)
		}
		if o.err != nil {
			return fmt.Errorf("%s:%d: %w", m.File, m.Line, o.err)
		}
	}
	return nil
}

// inFolder gives a trial a folder of its own, with an overlay of the mutant in it.
func (t *mutating) inFolder(ctx context.Context, m mutant.Mutant, try func(context.Context, mutant.Mutant, string) (store.Mutation, error)) (store.Mutation, error) {
	var none store.Mutation
	if err := ctx.Err(); err != nil {
		return none, err
	}
	source, err := os.ReadFile(filepath.Join(t.root, m.File))
	if err != nil {
		return none, err
	}
	changed, err := m.Apply(source)
	if err != nil {
		return none, err
	}
	dir, err := os.MkdirTemp(t.temp, "mutant-")
	if err != nil {
		return none, err
	}
	defer os.RemoveAll(dir)
	if _, err := catalogue.Overlay(t.root, dir, map[string][]byte{m.File: changed}); err != nil {
		return none, err
	}
	return try(ctx, m, dir)
}

// overlayIn is the overlay that inFolder leaves.
func overlayIn(dir string) string { return filepath.Join(dir, "overlay.json") }

// time runs the unchanged tests, which have to pass, to know how long they take.
func (t *mutating) time(ctx context.Context) error {
	for _, pkg := range t.tests {
		binary := filepath.Join(t.temp, "unchanged.test")
		if err := catalogue.BuildTests(ctx, t.root, "", "./"+pkg, binary); err != nil {
			return err
		}
		failed, took, err := t.run(ctx, binary, pkg, cost{10 * time.Minute, 10 * time.Minute})
		if err != nil {
			return err
		}
		if failed != "" {
			return fmt.Errorf("the tests of %s fail as it is: %s", pkg, failed)
		}
		t.cost = append(t.cost, took)
	}
	return nil
}

// test has the tests look at a mutant.
func (t *mutating) test(ctx context.Context, m mutant.Mutant, dir string) (store.Mutation, error) {
	for i, pkg := range t.tests {
		binary := filepath.Join(dir, "mutant.test")
		if err := catalogue.BuildTests(ctx, t.root, overlayIn(dir), "./"+pkg, binary); err != nil {
			return store.Mutation{Outcome: store.Uncompiled}, ctx.Err()
		}
		failed, _, err := t.run(ctx, binary, pkg, t.cost[i].limit())
		if err != nil {
			return store.Mutation{}, err
		}
		if failed != "" {
			return store.Mutation{Outcome: store.ByTests, By: failed}, nil
		}
	}
	return store.Mutation{Outcome: store.Unnoticed}, nil
}

// failures finds what a Go program of tests says of its end.
var failures = regexp.MustCompile(`--- FAIL: \S+|panic: test timed out|panic: .*|fatal error: .*`)

// run runs a package's tests until the first fails, and says which, "" being
// none, and what that took.
func (t *mutating) run(ctx context.Context, binary, pkg string, limit cost) (failed string, took cost, err error) {
	limited, cancel := context.WithTimeout(ctx, limit.clock+leastPatience) // if its own timeout does not end it
	defer cancel()
	cmd := exec.CommandContext(limited, binary, "-test.failfast", "-test.timeout", limit.clock.String())
	cmd.Dir = filepath.Join(t.root, pkg)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // that signal comes when the thread ends that started it
	defer runtime.UnlockOSThread()
	began := time.Now()
	err = runWithin(cmd, mutantMemory, limit.cpu)
	switch {
	case ctx.Err() != nil:
		return "", took, ctx.Err()
	case cmd.ProcessState == nil:
		return "", took, fmt.Errorf("run the tests of %s: %w", pkg, err)
	case err == nil:
		return "", cost{cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), time.Since(began)}, nil
	}
	if why := failures.FindString(said.String()); why != "" {
		return strings.TrimPrefix(why, "--- FAIL: "), took, nil
	}
	if cmd.ProcessState.ExitCode() < 0 {
		return "(never ends)", took, nil
	}
	return err.Error(), took, nil
}

// runWithin runs a program that may take so many bytes of memory and so much
// of the processor, after which it is killed; 0 is no limit.
func runWithin(cmd *exec.Cmd, memory uint64, cpu time.Duration) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	var errs []error
	for resource, limit := range map[int]uint64{unix.RLIMIT_DATA: memory, unix.RLIMIT_CPU: uint64((cpu + time.Second - 1) / time.Second)} {
		if limit == 0 {
			continue
		}
		// One that has ended already has no limit, and needs none.
		if err := unix.Prlimit(cmd.Process.Pid, resource, &unix.Rlimit{Cur: limit, Max: limit}, nil); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("limit what a child takes: %w", err))
		}
	}
	if len(errs) > 0 {
		return errors.Join(append(errs, cmd.Process.Kill(), cmd.Wait())...)
	}
	return cmd.Wait()
}

// unchanged has the simulator search in the sources as they are, on every core:
// if it raises an alarm there, its word on a mutant is worth nothing.
func (t *mutating) unchanged(ctx context.Context) error {
	binary := filepath.Join(t.temp, "unchanged-sim")
	if err := catalogue.BuildWith(ctx, t.root, "", "./sim", binary); err != nil {
		return err
	}
	found, err := search(ctx, simulator{path: binary}, t.temp, 1, t.explore, "--workers", fmt.Sprint(t.workers))
	if err != nil {
		return err
	}
	if len(found.Failures) > 0 {
		return fmt.Errorf("the simulator raises an alarm as it is: seed %d: %s: %s", found.Failures[0].Seed, found.Failures[0].Check, found.Failures[0].Reason)
	}
	return nil
}

// simulate has the simulator search with a mutant, on one core.
func (t *mutating) simulate(ctx context.Context, _ mutant.Mutant, dir string) (store.Mutation, error) {
	sim := simulator{path: filepath.Join(dir, "sim"), data: mutantMemory}
	if err := catalogue.BuildWith(ctx, t.root, overlayIn(dir), "./sim", sim.path); err != nil {
		return store.Mutation{}, err
	}
	// A mutant may keep the simulator busy for ever.
	limited, cancel := context.WithTimeout(ctx, t.explore+leastPatience)
	defer cancel()
	found, err := search(limited, sim, dir, 1, t.explore)
	switch {
	case ctx.Err() != nil:
		return store.Mutation{}, ctx.Err()
	case err != nil:
		return store.Mutation{Outcome: store.BySimulator, By: "(" + firstLine(err) + ")"}, nil
	case len(found.Failures) > 0:
		return store.Mutation{Outcome: store.BySimulator, By: found.Failures[0].Check}, nil
	}
	return store.Mutation{Outcome: store.Unnoticed, Explored: t.explore.Seconds()}, nil
}
