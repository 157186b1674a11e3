package children

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// limit is longer than anything here takes on the slowest machine.
const limit = 30 * time.Second

func owner(t *testing.T) *Owner {
	t.Helper()
	o, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return o
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func shell(script string) Spec {
	return Spec{Path: "/bin/sh", Args: []string{"sh", "-c", script}}
}

func TestExits(t *testing.T) {
	o := owner(t)
	for _, c := range []struct {
		name, script string
		code         int
		signal       syscall.Signal
	}{
		{"well", "exit 0", 0, -1},
		{"with a code", "exit 3", 3, -1},
		{"by a signal", "kill -9 $$", -1, syscall.SIGKILL},
	} {
		t.Run(c.name, func(t *testing.T) {
			child, err := o.Start(shell(c.script))
			if err != nil {
				t.Fatal(err)
			}
			exit, err := child.Wait(within(t))
			if err != nil || exit.Status.ExitStatus() != c.code || exit.Status.Signal() != c.signal || exit.At == 0 {
				t.Errorf("%+v, %v; want code %d, signal %v", exit, err, c.code, c.signal)
			}
			if err := child.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
				t.Errorf("a signal after the end: %v", err)
			}
		})
	}
}

// TestManyAtOnce: one SIGCHLD stands for many ends, and every end finds its
// child.
func TestManyAtOnce(t *testing.T) {
	o := owner(t)
	var all []*Child
	for i := range 30 {
		c, err := o.Start(shell("exit " + strconv.Itoa(i)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	for i, c := range all {
		if exit, err := c.Wait(within(t)); err != nil || exit.Status.ExitStatus() != i {
			t.Errorf("child %d: %+v, %v", i, exit, err)
		}
	}
}

func TestSignalEndsAStoppedChild(t *testing.T) {
	o := owner(t)
	child, err := o.Start(shell("kill -STOP $$; exit 7"))
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if exit, err := child.Wait(within(t)); err != nil || exit.Status.Signal() != syscall.SIGKILL {
		t.Errorf("%+v, %v; want SIGKILL", exit, err)
	}
}

func TestStartErrors(t *testing.T) {
	o := owner(t)
	refused := errors.New("refused")
	for _, c := range []struct {
		name string
		spec Spec
		want error
	}{
		{"no such program", Spec{Path: "/no/such/program", Args: []string{"x"}}, os.ErrNotExist},
		{"refused at its exec", Spec{Path: "/bin/sh", Args: []string{"sh"}, AtExec: func(int) error { return refused }}, refused},
		{"no such program, traced", Spec{Path: "/no/such/program", Args: []string{"x"}, AtExec: func(int) error { return nil }}, os.ErrNotExist},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := o.Start(c.spec); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestAtExecComesBeforeTheFirstInstruction(t *testing.T) {
	o := owner(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	spec := shell("echo ran")
	spec.Stdout = write
	spec.AtExec = func(pid int) error {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || !strings.Contains(string(stat), "(sh) t ") {
			t.Errorf("at the exec the child is %q, %v; want it traced and stopped", stat, err)
		}
		_, err = write.WriteString("before\n")
		return err
	}
	child, err := o.Start(spec)
	write.Close()
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(read)
	if err != nil || string(out) != "before\nran\n" {
		t.Errorf("it wrote %q, %v", out, err)
	}
	if exit, err := child.Wait(within(t)); err != nil || exit.Status.ExitStatus() != 0 {
		t.Errorf("%+v, %v", exit, err)
	}
}

// TestOrphansAreReaped: a grandchild whose parent has ended becomes ours, as
// it does in a container, and leaves no zombie.
func TestOrphansAreReaped(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); err != nil {
			t.Error(err)
		}
	}()
	o := owner(t)
	in, release, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	// The grandchild ends when the pipe is closed; its parent ends at once.
	spec := shell("exec 3<&0; cat <&3 & echo $!")
	spec.Stdin, spec.Stdout = in, out
	child, err := o.Start(spec)
	in.Close()
	out.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := child.Wait(within(t)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(read)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", orphan)); err != nil || !strings.Contains(string(status), fmt.Sprintf("PPid:\t%d\n", os.Getpid())) {
		t.Fatalf("the grandchild has not become ours: %v\n%s", err, status)
	}
	release.Close()
	for within := within(t); syscall.Kill(orphan, 0) == nil; {
		if within.Err() != nil {
			t.Fatal("the orphan is still there")
		}
	}
}

func TestNoNewPrivileges(t *testing.T) {
	o := owner(t)
	out, err := o.Run(within(t), "/bin/cat", []string{"/proc/self/status"}, nil)
	if err != nil || !strings.Contains(string(out), "NoNewPrivs:\t1") {
		t.Errorf("a child could gain privileges: %v\n%s", err, out)
	}
}

func TestRun(t *testing.T) {
	o := owner(t)
	for _, c := range []struct {
		name, script, stdin string
		want, complaint     string
	}{
		{"output", "echo hello", "", "hello\n", ""},
		{"input", "tr a-z A-Z", "hello", "HELLO", ""},
		{"much input", "wc -c", strings.Repeat("x", 1<<20), "1048576\n", ""},
		{"fails", "echo partial; echo 'no room' >&2; exit 2", "", "partial\n", "exit status 2: no room"},
		{"killed", "kill -9 $$", "", "", "ended by SIGKILL"},
		{"too much output", "yes | head -c 1100000", "", "", "more than 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := o.Run(within(t), "/bin/sh", []string{"-c", c.script}, []byte(c.stdin))
			if string(out) != c.want {
				t.Errorf("output %q, want %q", out, c.want)
			}
			if (err == nil) != (c.complaint == "") || err != nil && !strings.Contains(err.Error(), c.complaint) {
				t.Errorf("error %v, want %q", err, c.complaint)
			}
		})
	}
}

func TestRunIsKilledAtItsDeadline(t *testing.T) {
	o := owner(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := o.Run(ctx, "/bin/sleep", []string{"1000"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it cut off", err)
	}
}

func TestCloseEndsChildren(t *testing.T) {
	o, err := New()
	if err != nil {
		t.Fatal(err)
	}
	child, err := o.Start(shell("sleep 1000"))
	if err != nil {
		t.Fatal(err)
	}
	o.Close()
	o.Close()
	if exit, err := child.Wait(within(t)); err != nil || exit.Status.Signal() != syscall.SIGKILL {
		t.Errorf("its child: %+v, %v; want it killed", exit, err)
	}
	if _, err := o.Start(shell("exit 0")); !errors.Is(err, ErrClosed) {
		t.Errorf("Start after Close: %v", err)
	}
}
