package supervisor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"partita/nemesis/agent/children"
	"partita/nemesis/agent/logbook"
	"partita/nemesis/agent/mono"
	"partita/nemesis/wire"
)

// nodeVariable in the environment turns the test binary into the node; its
// value says how it behaves.
const nodeVariable = "PARTITA_SUPERVISOR_NODE"

// limit is longer than anything here takes on the slowest machine.
const limit = 30 * time.Second

// reading is what the node prints of its clocks: between two looks at the true
// ones, what its own show. Since counts from began, a look at its start.
type reading struct {
	Before, After         int64
	RealBefore, RealAfter int64
	Wall, Since           int64
	Began, BeganAfter     int64 // CLOCK_MONOTONIC by system call, around that look
}

// act is the node.
func act(behaviour string) {
	began := mono.Now()
	start := time.Now()
	beganAfter := mono.Now()
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	fmt.Println("ready")
	switch behaviour {
	case "crash":
		fmt.Fprintln(os.Stderr, "panic: crash")
		os.Exit(2)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		select {}
	case "clock":
		out := json.NewEncoder(os.Stdout)
		for tick := time.NewTicker(time.Millisecond); ; {
			r := reading{RealBefore: mono.Realtime(), Before: mono.Now(), Began: began, BeganAfter: beganAfter}
			now := time.Now()
			r.After, r.RealAfter = mono.Now(), mono.Realtime()
			r.Wall, r.Since = now.UnixNano(), int64(now.Sub(start))
			if out.Encode(r) != nil {
				return
			}
			select {
			case <-tick.C:
			case <-ended:
				return
			}
		}
	}
	<-ended
	fmt.Println("goodbye")
}

// runs is a supervisor of the test binary as a node, and its log.
type runs struct {
	*Supervisor
	t    *testing.T
	ctx  context.Context
	book *logbook.Book
}

func supervise(t *testing.T, behaviour string, change func(*Options)) *runs {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	owner, err := children.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	book, err := logbook.Open(filepath.Join(t.TempDir(), "node.log"), mono.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := book.Close(); err != nil {
			t.Error(err)
		}
	})
	o := Options{Command: []string{self}, Env: []string{nodeVariable + "=" + behaviour}, UID: os.Geteuid(),
		Owner: owner, Book: book, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	t.Cleanup(func() {
		soon, cancel := context.WithCancel(ctx)
		cancel() // nobody waits for a stubborn node here
		if err := s.Close(soon); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return &runs{s, t, ctx, book}
}

// must fails the test on an error.
func (r *runs) must(what string, err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("%s: %v", what, err)
	}
}

// log is the lines kept so far.
func (r *runs) log() (lines []wire.LogLine) {
	r.t.Helper()
	r.must("drain", r.Drain(r.ctx))
	file, err := r.book.Reader(r.ctx)
	r.must("read the log", err)
	defer file.Close()
	for dec := json.NewDecoder(file); ; {
		var l wire.LogLine
		err := dec.Decode(&l)
		if errors.Is(err, io.EOF) {
			return lines
		}
		r.must("decode the log", err)
		lines = append(lines, l)
	}
}

// await waits until a text was logged so many times.
func (r *runs) await(text string, times int) {
	r.t.Helper()
	for {
		n := 0
		for _, l := range r.log() {
			if strings.Contains(l.Line, text) {
				n++
			}
		}
		if n >= times {
			return
		}
		r.must(fmt.Sprintf("wait for %q", text), r.ctx.Err())
	}
}

func (r *runs) state() wire.State {
	r.t.Helper()
	s, err := r.State(mono.Realtime(), mono.Now())
	r.must("state", err)
	return s
}

func TestBootsAndExits(t *testing.T) {
	r := supervise(t, "serve", nil)
	if s := r.state(); s.PID != 0 || s.Boots != 0 || len(s.Exits) != 0 || s.Stopped || s.Clock.Realtime != nil {
		t.Errorf("before its start: %+v", s)
	}
	before := mono.Now()
	r.must("start", r.Start(r.ctx))
	first := r.PID()
	r.must("start again", r.Start(r.ctx))
	if first == 0 || r.PID() != first || r.state().Boots != 1 {
		t.Errorf("started twice: process %d, then %+v", first, r.state())
	}
	r.await("ready", 1)
	r.must("kill", r.Kill(r.ctx))
	if err := syscall.Kill(first, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("after the kill its process is still there: %v", err)
	}
	if err := r.Kill(r.ctx); !errors.Is(err, ErrNotRunning) {
		t.Errorf("killed twice: %v", err)
	}
	r.must("start after the kill", r.Start(r.ctx))
	second := r.PID()
	r.await("ready", 2)
	r.must("stop", r.Stop(r.ctx))
	r.must("stop again", r.Stop(r.ctx))
	s := r.state()
	if s.PID != 0 || s.Boots != 2 || len(s.Exits) != 2 {
		t.Fatalf("in the end: %+v", s)
	}
	for i, want := range []wire.Exit{
		{PID: first, Code: -1, Signal: "SIGKILL", Asked: true},
		{PID: second, Code: 0, Asked: true},
	} {
		got := s.Exits[i]
		if got.At <= before || got.At > mono.Now() {
			t.Errorf("exit %d at %d", i, got.At)
		}
		before, got.At = got.At, 0
		if got != want {
			t.Errorf("exit %d: %+v, want %+v", i, got, want)
		}
	}
	if lines := r.log(); lines[len(lines)-1].Line != "goodbye" {
		t.Errorf("its last words are missing: %+v", lines)
	}
}

func TestCrashIsNotAskedForAndNotCured(t *testing.T) {
	r := supervise(t, "crash", nil)
	r.must("start", r.Start(r.ctx))
	for r.PID() != 0 {
		r.must("wait for the crash", r.ctx.Err())
	}
	for name, command := range map[string]func(context.Context) error{"kill": r.Kill, "pause": r.Pause, "resume": r.Resume} {
		if err := command(r.ctx); !errors.Is(err, ErrNotRunning) {
			t.Errorf("%s: %v, want that it does not run", name, err)
		}
	}
	r.must("stop", r.Stop(r.ctx))
	s := r.state()
	if s.PID != 0 || s.Boots != 1 || len(s.Exits) != 1 || s.Exits[0].Asked || s.Exits[0].Code != 2 {
		t.Errorf("after the crash: %+v", s)
	}
	r.await("panic: crash", 1)
}

func TestKilledByAnother(t *testing.T) {
	r := supervise(t, "serve", nil)
	r.must("start", r.Start(r.ctx))
	r.must("kill it behind the supervisor's back", syscall.Kill(r.PID(), syscall.SIGKILL))
	for r.PID() != 0 {
		r.must("wait for the exit", r.ctx.Err())
	}
	if err := r.Kill(r.ctx); !errors.Is(err, ErrNotRunning) {
		t.Errorf("kill: %v, want that it does not run", err)
	}
	if exits := r.state().Exits; len(exits) != 1 || exits[0].Asked || exits[0].Signal != "SIGKILL" {
		t.Errorf("exits: %+v, want one that nobody asked for", exits)
	}
}

func TestPauseAndResume(t *testing.T) {
	r := supervise(t, "clock", nil)
	r.must("start", r.Start(r.ctx))
	r.await("Wall", 1)
	r.must("pause", r.Pause(r.ctx))
	r.must("pause again", r.Pause(r.ctx))
	if s := r.state(); !s.Stopped || s.PID == 0 {
		t.Errorf("paused: %+v", s)
	}
	r.log()
	pipe := len(r.log()) // whatever it wrote before has been read by now or is on its way
	r.must("resume", r.Resume(r.ctx))
	if r.state().Stopped {
		t.Error("resumed, it is still stopped")
	}
	r.await("Wall", pipe+50)
	r.must("pause before a stop", r.Pause(r.ctx))
	r.must("stop", r.Stop(r.ctx))
	r.must("start", r.Start(r.ctx))
	r.must("pause before a kill", r.Pause(r.ctx))
	r.must("kill", r.Kill(r.ctx))
	if s := r.state(); len(s.Exits) != 2 || s.Exits[0].Code != 0 || s.Exits[1].Signal != "SIGKILL" {
		t.Errorf("exits: %+v", s.Exits)
	}
}

func TestStubbornNodeOutlastsStopButNotClose(t *testing.T) {
	r := supervise(t, "stubborn", nil)
	r.must("start", r.Start(r.ctx))
	r.await("ready", 1)
	ctx, cancel := context.WithTimeout(r.ctx, 50*time.Millisecond)
	defer cancel()
	pid := r.PID()
	if err := r.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) || r.PID() != pid {
		t.Errorf("stop: %v, process %d; want it running on", err, r.PID())
	}
	if err := r.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("close: %v", err)
	}
	if exits := r.state().Exits; len(exits) != 1 || !exits[0].Asked || exits[0].Signal != "SIGKILL" {
		t.Errorf("exits: %+v", exits)
	}
}

func TestStartErrors(t *testing.T) {
	for _, c := range []struct {
		name    string
		command []string
		want    string
	}{
		{"no command", nil, "no command"},
		{"no such program", []string{"/no/such/program"}, "no such file"},
		{"a name nobody finds", []string{"no-such-program-anywhere"}, "not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := New(Options{Command: c.command}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := supervise(t, "serve", func(o *Options) { o.Command = []string{broken} })
	if err := r.Start(r.ctx); !errors.Is(err, syscall.ENOEXEC) || r.PID() != 0 {
		t.Errorf("start: %v, process %d", err, r.PID())
	}
}

func TestThreadState(t *testing.T) {
	for stat, want := range map[string]byte{
		"17 (node) S 1 17": 'S', "17 (a) T b) T 1": 'T', "17 (x) R": 'R', "17 (x)": 0, "17 (x) ": 0, "": 0,
	} {
		if got := state([]byte(stat)); got != want {
			t.Errorf("%q: %q, want %q", stat, got, want)
		}
	}
	if all, some, err := stopped(1<<22 + 1); all || some || err != nil {
		t.Errorf("of no process: %v, %v, %v", all, some, err)
	}
}

func TestOwn(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a", "data")
	if err := Own(folder, os.Geteuid()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "wal"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Own(folder, os.Geteuid()); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := Own(filepath.Join(folder, "wal"), os.Geteuid()); err == nil {
		t.Error("a file was taken for a directory")
	}
}

// lastReading is the latest of the node's readings that began after an
// instant.
func (r *runs) lastReading(after int64) reading {
	r.t.Helper()
	for {
		lines := r.log()
		for i := len(lines) - 1; i >= 0 && lines[i].At > after; i-- {
			var got reading
			if json.Unmarshal(bytes.TrimSpace([]byte(lines[i].Line)), &got) == nil && got.RealBefore > 0 && got.Before > after {
				return got
			}
		}
		r.must("wait for a reading", r.ctx.Err())
	}
}
