package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"partita/harness/checker"
	"partita/harness/scenario"
	"partita/harness/store"
	"partita/sim/machines"
)

// asProgram makes the test's binary be the program itself.
const asProgram = "PARTITA_TEST_AS_SIM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// sim runs the program in this process.
func sim(args ...string) (code int, stdout, stderr string) {
	var out, complaints bytes.Buffer
	code = run(context.Background(), args, &out, &complaints)
	return code, out.String(), complaints.String()
}

// child makes a process of the program.
func child(t *testing.T, env []string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(stop)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(append(os.Environ(), asProgram+"=1"), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

// folder makes a run's folder with a scenario that ships, made short.
func folder(t *testing.T) *store.Run {
	t.Helper()
	var overrides []scenario.Override
	for _, set := range []string{"time-limit=10s", "checks.availability.recover-within=4s", "workload.rate=100", "nemesis=[partition: {every: 2s, for: 1s}, kill: {every: 3s, for: 500ms}, power: {every: 3s, for: 500ms}]"} {
		o, err := scenario.ParseSet(set)
		if err != nil {
			t.Fatal(err)
		}
		overrides = append(overrides, o)
	}
	s, err := scenario.Load("partition", overrides...)
	if err != nil {
		t.Fatal(err)
	}
	s.Seed = 42
	text, err := s.YAML()
	if err != nil {
		t.Fatal(err)
	}
	r := &store.Run{Dir: t.TempDir()}
	if err := os.WriteFile(r.Path(store.ScenarioFile), text, 0o644); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestReachedIsCounted: what a scenario may want to be reached has its counter
// here.
func TestReachedIsCounted(t *testing.T) {
	for _, name := range checker.Coverage() {
		if !slices.Contains(machines.Counters(), name) {
			t.Errorf("nobody counts %q", name)
		}
	}
}

func TestExitStatus(t *testing.T) {
	empty := t.TempDir()
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, store.ScenarioFile), []byte("name: x\nnodez: 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		args string
		code int
		says string // on standard error
	}{
		{"", 0, ""},
		{"run --help", 0, ""},
		{"dance", 254, `unknown command "dance"`},
		{"run", 254, "accepts 1 arg(s), received 0"},
		{"run " + empty + " " + empty, 254, "received 2"},
		{"run " + empty, 254, "scenario.yaml: no such file"},
		{"run " + broken, 254, `scenario.yaml:2: unknown key "nodez"`},
		{"run --dance " + empty, 254, "unknown flag: --dance"},
		{"explore now", 254, `unknown command "now"`},
		{"explore --dance", 254, "unknown flag: --dance"},
		{"explore --seeds many", 254, `invalid argument "many"`},
		{"explore --seeds 0", 254, "give a number of seeds, a time, or both"},
		{"explore --seeds -1 --time 1s", 254, "--seeds -1"},
		{"explore --time -1s", 254, "--time -1s"},
		{"explore --faults war", 254, `--faults: unknown kind of fault "war"`},
		{"explore --checks linearisable", 254, `--checks: unknown check "linearisable": allowed are crashes, exactly-once, linearizable`},
		{"explore --set nodes", 254, "want path.to.key=value"},
		{"explore --set foo.bar=1", 254, `unknown key "foo"`},
		{"explore --set nodes=12", 254, "nodes: 12: want 1 to 9"},
		{"explore --seeds 1 --set nemesis=[] --set nodes=1", 0, ""},
		{"explore --workers 0", 254, "--workers 0"},
		{"explore --failures -1", 254, "--failures -1"},
		{"explore --seed 9223372036854775807", 254, "--seed 9223372036854775807"},
		{"exhaustive --time -1s", 254, "--time -1s"},
		{"exhaustive somewhere", 254, "somewhere"},
		{"explore --seeds 1 --set nemesis=[] --set nodes=1 --out " + empty + "/none/found.json", 255, "no such file or directory"},
		{"explore --seeds 1 --set nemesis=[] --set nodes=1 --coverage", 2, ""},
	}
	for _, c := range cases {
		t.Run(c.args, func(t *testing.T) {
			code, stdout, stderr := sim(strings.Fields(c.args)...)
			if code != c.code || !strings.Contains(stderr, c.says) || (c.says == "") != (stderr == "") {
				t.Errorf("exit status %d, says %q; want %d and %q", code, stderr, c.code, c.says)
			}
			if c.code == exitUsage && stdout != "" {
				t.Errorf("bad arguments, and it began: %q", stdout)
			}
		})
	}
}

// failing are flags of a search that finds something: a node that is killed
// waits longer for its leader than it may be gone.
var failing = []string{"--set", "nodes=1", "--set", "time-limit=10s", "--set", "node.election-timeout=8s", "--set", "nemesis=[kill: {every: 1500ms, for: 100ms}]"}

func TestExploreTellsWhatItFound(t *testing.T) {
	file := filepath.Join(t.TempDir(), "found.json")
	code, stdout, stderr := sim(append([]string{"explore", "--seed", "5", "--workers", "1", "--out", file}, failing...)...)
	if code != 1 || stderr != "" || !strings.Contains(stdout, "seed 5: availability: ") {
		t.Fatalf("exit status %d, says %q and %q", code, stdout, stderr)
	}
	var found store.Search
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &found)
	}
	if err != nil || len(found.Failures) == 0 || found.Seeds == 0 {
		t.Fatalf("wrote %s: %v", text, err)
	}
	one := found.Failures[0]
	if one.Seed != 5 || one.Check != "availability" || one.Seeds != 1 || one.Reason == "" {
		t.Errorf("wrote %+v", one)
	}
	if s, err := scenario.Parse("found.yaml", []byte(one.Scenario)); err != nil || s.Seed != 5 || s.Nodes != 1 {
		t.Errorf("its scenario is %s: %v", one.Scenario, err)
	}
	code, stdout, stderr = sim(append([]string{"explore", "--seed", "5", "--out", "/dev/null/found.json"}, failing...)...)
	if code != 255 || !strings.Contains(stdout, "seed 5: availability: ") || !strings.Contains(stderr, "/dev/null/found.json") {
		t.Errorf("with a file that cannot be written: exit status %d, says %q and %q", code, stdout, stderr)
	}
	if code, stdout, _ = sim(append([]string{"explore", "--seeds", "2", "--checks", "log matching"}, failing...)...); code != 0 || !strings.Contains(stdout, "2 seeds, 0 failing") {
		t.Errorf("with a check that holds: exit status %d, says %q", code, stdout)
	}
}

func TestRunLeavesItsRecord(t *testing.T) {
	r := folder(t)
	if code, _, stderr := sim("run", r.Dir); code != 0 {
		t.Fatalf("exit status %d: %s", code, stderr)
	}
	said, err := r.ReadSimulation()
	if err != nil || said == nil || said.Steps == 0 || said.Seconds < 10 || said.Violation != nil {
		t.Fatalf("sim.json has %+v: %v", said, err)
	}
	history, err := r.ReadHistory()
	if err != nil || len(history.Events) < 500 || len(history.Torn) > 0 {
		t.Errorf("%d events: %v", len(history.Events), err)
	}
	if faults, err := r.ReadFaults(); err != nil || len(faults) == 0 {
		t.Errorf("%d faults: %v", len(faults), err)
	}
	states, logs, err := r.ReadNodes()
	if err != nil || len(states) != 5 || len(logs["n1"]) == 0 {
		t.Errorf("%d states: %v", len(states), err)
	}
	if _, err := os.Stat(r.Path("trace.jsonl")); err == nil {
		t.Error("an account was written, and nobody asked for it")
	}
	files := func() map[string]string {
		all := map[string]string{}
		err := filepath.WalkDir(r.Dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			all[path] = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	before := files()
	code, _, stderr := sim("run", r.Dir)
	if code != 255 || !strings.Contains(stderr, "has the record of a run already") {
		t.Errorf("run again: exit status %d, says %q", code, stderr)
	}
	if after := files(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("running again changed the record")
	}
	if code, _, stderr := sim("run", "--account", r.Dir); code != 0 {
		t.Fatalf("account: exit status %d: %s", code, stderr)
	}
	steps, err := r.ReadTrace()
	if err != nil || len(steps) != keptSteps {
		t.Errorf("%d steps are kept, want %d: %v", len(steps), keptSteps, err)
	}
	after := files()
	delete(after, r.Path("trace.jsonl"))
	if fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("the account changed the record")
	}
}

// TestOneHistoryInEveryProcess: the same scenario has the same history in
// other processes, with one processor and with little memory.
func TestOneHistoryInEveryProcess(t *testing.T) {
	var hashes []string
	for _, env := range [][]string{nil, {"GOMAXPROCS=1"}, {"GOGC=10"}, {"GOMAXPROCS=1", "GOGC=10", "GODEBUG=asyncpreemptoff=1"}} {
		r := folder(t)
		cmd, out := child(t, env, "run", r.Dir)
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %v: %s", env, err, out)
		}
		said, err := r.ReadSimulation()
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, said.HistorySHA256)
	}
	slices.Sort(hashes)
	if hashes = slices.Compact(hashes); len(hashes) != 1 || len(hashes[0]) != 64 {
		t.Errorf("hashes %v, want one", hashes)
	}
}

// TestInterrupted: a search that is interrupted ends soon, says how far it
// came, writes what it has, and fails.
func TestInterrupted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "found.json")
	cmd, _ := child(t, nil, "explore", "--seeds", "0", "--time", "1h", "--set", "nemesis=[]", "--set", "nodes=1", "--out", file)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = nil, &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	if first, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(first, "seeds from 1") {
		t.Fatalf("it begins with %q: %v", first, err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit status says it
	if code := cmd.ProcessState.ExitCode(); code != 255 || !strings.Contains(stderr.String(), "interrupted after") || !strings.Contains(string(rest), " 0 failing") {
		t.Errorf("exit status %d, says %q and %q", code, rest, &stderr)
	}
	var found store.Search
	written, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(written, &found)
	}
	if err != nil || found.Failures == nil {
		t.Errorf("it wrote %q: %v", written, err)
	}
}

// TestInterruptedWithAFailure: what was found goes before how it ended.
func TestInterruptedWithAFailure(t *testing.T) {
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Second)
	defer stop()
	var stdout, stderr bytes.Buffer
	code := run(ctx, append([]string{"explore", "--seeds", "0", "--time", "1h", "--failures", "0"}, failing...), &stdout, &stderr)
	if code != 1 || !strings.Contains(stdout.String(), ": availability: ") || stderr.Len() > 0 {
		t.Errorf("exit status %d, says %.300q and %q", code, &stdout, &stderr)
	}
}
