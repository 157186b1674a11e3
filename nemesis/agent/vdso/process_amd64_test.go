package vdso

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"partita/nemesis/agent/mono"
)

// childVariable in the environment turns the test binary into the child.
const childVariable = "PARTITA_VDSO_CHILD"

// sample is what the child's clocks show, between two readings of the true
// ones.
type sample struct {
	Before, After         int64 // CLOCK_MONOTONIC by system call
	RealBefore, RealAfter int64 // CLOCK_REALTIME by system call
	Wall                  int64 // time.Now
	Since                 int64 // time.Since a moment near the child's start
	BeganBefore           int64 // CLOCK_MONOTONIC around that moment
	BeganAfter            int64
	Backward              int // how often it was below the reading before
}

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		child()
		return
	}
	os.Exit(m.Run())
}

// child answers every line of its input with the tightest of many samples.
func child() {
	before := mono.Now()
	began := time.Now()
	after := mono.Now()
	in := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	last, backward := int64(0), 0
	for in.Scan() {
		var best sample
		for i := range 2000 {
			s := sample{BeganBefore: before, BeganAfter: after}
			s.RealBefore, s.Before = mono.Realtime(), mono.Now()
			now := time.Now()
			s.After, s.RealAfter = mono.Now(), mono.Realtime()
			s.Wall, s.Since = now.UnixNano(), int64(now.Sub(began))
			if s.Since < last {
				backward++
			}
			last = s.Since
			if i == 0 || s.After-s.Before < best.After-best.Before {
				best = s
			}
		}
		best.Backward = backward
		if out.Encode(best) != nil {
			return
		}
	}
}

// target is a child whose clocks are skewed.
type target struct {
	t       *testing.T
	process *Process
	pid     int
	in      io.WriteCloser
	out     *json.Decoder
}

// launch starts the child under ptrace and patches it at its exec.
func launch(t *testing.T, c Clocks) *target {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVariable+"=1")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		_ = cmd.Wait() // says that it was killed
	})
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WALL, nil); err != nil || !status.Stopped() {
		t.Fatalf("wait for the exec: %v, %v", status, err)
	}
	p, err := Patch(cmd.Process.Pid, os.Geteuid(), os.Getegid(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.PtraceDetach(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	return &target{t, p, cmd.Process.Pid, in, json.NewDecoder(out)}
}

// sample asks the child for its time.
func (g *target) sample() sample {
	g.t.Helper()
	if _, err := io.WriteString(g.in, "\n"); err != nil {
		g.t.Fatal(err)
	}
	var s sample
	if err := g.out.Decode(&s); err != nil {
		g.t.Fatal(err)
	}
	return s
}

// set brings clocks into force on the running child.
func (g *target) set(c Clocks) {
	g.t.Helper()
	if err := g.process.Set(c, math.MaxInt64); err != nil {
		g.t.Fatal(err)
	}
}

// within fails unless got is from low to high; a nanosecond of rounding is
// granted at either end of every reading.
func within(t *testing.T, what string, got, low, high int64) {
	t.Helper()
	if got < low-2 || got > high+2 {
		t.Errorf("%s: %d, want %d to %d", what, got, low, high)
	}
}

// follows checks a sample against the clocks in force since before it was
// taken. What the child shows lies between what the lines say before and after
// the reading, however noisy the machine. began is what the monotonic clock
// showed at the start of the child.
func follows(t *testing.T, s sample, c Clocks, began Line) {
	t.Helper()
	within(t, "time.Now", s.Wall, c.Realtime.At(s.RealBefore), c.Realtime.At(s.RealAfter))
	within(t, "time.Since", s.Since, c.Monotonic.At(s.Before)-began.At(s.BeganAfter), c.Monotonic.At(s.After)-began.At(s.BeganBefore))
	if s.Backward > 0 {
		t.Errorf("the monotonic clock was seen to go back %d times", s.Backward)
	}
}

// rate is how fast the monotonic clock ran between two samples, and the most
// that it can be off.
func rate(a, b sample) (rate, off float64) {
	shown := float64(b.Since - a.Since)
	return shown / float64(b.Before-a.Before), shown/float64(b.Before-a.After) - shown/float64(b.After-a.Before)
}

func TestTrueClocksStayTrue(t *testing.T) {
	g := launch(t, TrueClocks())
	follows(t, g.sample(), TrueClocks(), Straight())
}

func TestSkewFromTheFirstInstruction(t *testing.T) {
	r, m := mono.Realtime(), mono.Now()
	c := Clocks{
		Realtime:  Line{r, r - int64(time.Hour), True / 2},
		Monotonic: Line{m, m + int64(time.Minute), 3 * True / 2},
	}
	g := launch(t, c)
	follows(t, g.sample(), c, c.Monotonic)
}

func TestSkewLive(t *testing.T) {
	g := launch(t, TrueClocks())
	c := TrueClocks()
	for _, step := range []struct {
		name                string
		wallBy, sinceBy     time.Duration
		wallRate, sinceRate Rate
	}{
		{"an hour ahead", time.Hour, 0, True, True},
		{"an hour behind", -time.Hour, 0, True, True},
		{"monotonic a minute ahead", 0, time.Minute, True, True},
		{"fast", 0, 0, True, 3 * True / 2},
		{"slow", 0, 0, True, True / 2},
		{"apart", time.Second, time.Second, 2 * True, True / 4},
		{"before 1970", -60 * 365 * 24 * time.Hour, 0, True, True},
	} {
		r, m := mono.Realtime(), mono.Now()
		c.Realtime = Line{r, r + int64(step.wallBy), step.wallRate}
		var err error
		c.Monotonic, err = c.Monotonic.Forward(Line{m, c.Monotonic.At(m) + int64(step.sinceBy), step.sinceRate}, m)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		g.set(c)
		s := g.sample()
		s.Backward = 0 // the machine may have held us up for more than Margin
		follows(t, s, c, Straight())
		if t.Failed() {
			t.Fatalf("in the step %q", step.name)
		}
	}
}

// TestRateIsSeen needs no knowledge of lines: the child's second is another.
func TestRateIsSeen(t *testing.T) {
	for _, want := range []float64{0.5, 1, 1.5} {
		t.Run(fmt.Sprint(want), func(t *testing.T) {
			r, err := RateOf(want)
			if err != nil {
				t.Fatal(err)
			}
			m := mono.Now()
			c := TrueClocks()
			c.Monotonic = Line{m, m, r}
			g := launch(t, c)
			a := g.sample()
			b := g.sample()
			for b.Before-a.After < int64(20*time.Millisecond) || b.Before-a.After < 100*(b.After-b.Before+a.After-a.Before) {
				b = g.sample()
			}
			got, off := rate(a, b)
			if off > 0.05 || got < want-off-1e-6 || got > want+off+1e-6 {
				t.Errorf("its clock runs at %v (to %v), want %v", got, off, want)
			}
		})
	}
}

func TestManyChangesAreNeverHalfSeen(t *testing.T) {
	// Both lines show the same at every instant, with bases far apart: whoever
	// mixes them sees a time that is off by years.
	at := func(base int64) Line { return Line{base, base, True} }
	a, b := TrueClocks(), TrueClocks()
	b.Realtime, b.Monotonic = at(1<<60), at(1<<59)
	g := launch(t, a)
	done := make(chan sample)
	go func() { done <- g.sample() }()
	for i := 0; ; i++ {
		select {
		case s := <-done:
			follows(t, s, a, Straight())
			if i < 100 {
				t.Errorf("only %d changes while the child read", i)
			}
			return
		default:
			g.set([]Clocks{a, b}[i%2])
		}
	}
}

func TestPatchedProcessIsReused(t *testing.T) {
	g := launch(t, TrueClocks())
	r := mono.Realtime()
	c := TrueClocks()
	c.Realtime = Line{r, r + int64(time.Hour), True}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	again, err := Patch(g.pid, os.Geteuid(), os.Getegid(), c)
	if err != nil {
		t.Fatal(err)
	}
	if again.params != g.process.params {
		t.Errorf("parameters at %#x, want the same as before, %#x", again.params, g.process.params)
	}
	follows(t, g.sample(), c, Straight())
	if err := errors.Join(again.Set(TrueClocks(), math.MaxInt64), again.Close()); err != nil {
		t.Fatal(err)
	}
	follows(t, g.sample(), TrueClocks(), Straight())
}

func TestSetTooLateChangesNothing(t *testing.T) {
	g := launch(t, TrueClocks())
	c := TrueClocks()
	c.Realtime.Shown = int64(time.Hour)
	for range 2 * blocks { // over and over, where blocks of the ring would be reused
		if err := g.process.Set(c, mono.Now()); !errors.Is(err, ErrLate) {
			t.Fatalf("got %v, want ErrLate", err)
		}
		follows(t, g.sample(), TrueClocks(), Straight())
	}
	g.set(c)
	follows(t, g.sample(), c, Straight())
}

func TestSetAfterTheEnd(t *testing.T) {
	g := launch(t, TrueClocks())
	g.in.Close() // the child ends
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, g.pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if err := g.process.Set(TrueClocks(), math.MaxInt64); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Set after the end: %v, want os.ErrProcessDone", err)
	}
}

func TestPatchRefusesNoProcess(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, err := Patch(1<<22+1, os.Geteuid(), os.Getegid(), TrueClocks()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that there is no such process", err)
	}
}

// TestShiftOfTheStub compares the stub's product with exact arithmetic over
// long stretches, where a shift that loses bits would show.
func TestShiftOfTheStub(t *testing.T) {
	r := mono.Realtime()
	c := TrueClocks()
	c.Realtime = Line{Base: r - int64(10*365*24*time.Hour), Shown: 0, Rate: True + 12345}
	g := launch(t, c)
	s := g.sample()
	exact := new(big.Int).Mul(big.NewInt(s.RealBefore-c.Realtime.Base), big.NewInt(int64(c.Realtime.Rate)))
	within(t, "time.Now", s.Wall, exact.Rsh(exact, 32).Int64(), c.Realtime.At(s.RealAfter))
}
