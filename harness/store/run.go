package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"syscall"
	"time"

	"partita/harness/checker"
	"partita/harness/cluster"
	"partita/harness/history"
	"partita/nemesis/wire"
)

// The names of a run's files.
const (
	ScenarioFile   = "scenario.yaml"
	HistoryFile    = "history.jsonl"
	FaultsFile     = "faults.jsonl"
	ResultsFile    = "results.json"
	ReportFile     = "report.html"
	LogFile        = "harness.log"
	TraceFile      = "trace.jsonl"
	SimulationFile = "sim.json"
	nodesDir       = "nodes"
	nodeLogFile    = "node.jsonl"
	nodeStates     = "agent.json"
	lockFile       = ".lock"
	latestLink     = "latest"
)

// NotFinished is the reason in results.json until a run has ended.
const NotFinished = "not finished"

// ErrLive says that the run is still going.
var ErrLive = errors.New("the run is still going")

// Run is one run's folder.
type Run struct {
	Dir  string // absolute
	lock *os.File
}

// Create makes the folder of a new run, locks it and points latest at it.
func Create(results, scenario string, seed int64, now time.Time) (*Run, error) {
	results, err := filepath.Abs(results)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	parent := filepath.Join(results, scenario)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, fmt.Errorf("store: make the results folder (choose another with --results): %w", err)
	}
	name := now.UTC().Format("20060102T150405.000Z") + "-" + strconv.FormatInt(seed, 10)
	r := &Run{Dir: filepath.Join(parent, name)}
	if err := os.Mkdir(r.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("store: make the run's folder: %w", err)
	}
	if err := r.takeLock(); err != nil {
		return nil, err
	}
	if err := r.pointLatest(results, filepath.Join(scenario, name)); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// pointLatest replaces the link in one step, so that there always is one.
func (r *Run) pointLatest(results, target string) error {
	temp := filepath.Join(results, "."+latestLink+"-"+filepath.Base(r.Dir))
	if err := os.Symlink(target, temp); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := os.Rename(temp, filepath.Join(results, latestLink)); err != nil {
		return fmt.Errorf("store: %w", errors.Join(err, os.Remove(temp)))
	}
	return nil
}

// Open opens a run that has ended, however it ended, and locks it.
func Open(dir string) (*Run, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w (harness list shows the runs there are)", err)
	}
	r := &Run{Dir: real}
	if _, err := os.Stat(r.Path(ResultsFile)); err != nil {
		return nil, fmt.Errorf("store: %s is not the folder of a run: it has no %s", dir, ResultsFile)
	}
	return r, r.takeLock()
}

func (r *Run) takeLock() error {
	file, err := os.OpenFile(r.Path(lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return fmt.Errorf("store: %s: %w", r.Dir, ErrLive)
	}
	r.lock = file
	return nil
}

// Close gives the lock up.
func (r *Run) Close() error { return r.lock.Close() }

// Path is where one of the run's files is.
func (r *Run) Path(name ...string) string {
	return filepath.Join(append([]string{r.Dir}, name...)...)
}

// WriteResults replaces results.json in one step and makes it durable.
func (r *Run) WriteResults(results Results) error {
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return fmt.Errorf("store: results: %w", err)
	}
	return r.replace(ResultsFile, append(text, '\n'))
}

// ReadResults reads results.json.
func (r *Run) ReadResults() (Results, error) {
	var results Results
	return results, readJSON(r.Path(ResultsFile), &results)
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("store: %s: %w", path, err)
	}
	return nil
}

// replace writes a file beside the one of that name and renames it.
func (r *Run) replace(name string, text []byte) error {
	temp, err := os.CreateTemp(r.Dir, "."+name+"-*")
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	_, err = temp.Write(text)
	err = errors.Join(err, temp.Chmod(0o644), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), r.Path(name))
	}
	if err != nil {
		return fmt.Errorf("store: write %s: %w", r.Path(name), errors.Join(err, os.Remove(temp.Name())))
	}
	return syncDir(r.Dir)
}

// syncDir makes the names in a folder durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("store: sync %s: %w", path, err)
	}
	return nil
}

// WriteFile writes one of the run's files whole.
func (r *Run) WriteFile(name string, text []byte) error { return r.replace(name, text) }

// ReadHistory reads the history, also of a run that was killed.
func (r *Run) ReadHistory() (history.Record, error) {
	file, err := os.Open(r.Path(HistoryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return history.Record{}, nil // killed before its first event
	}
	if err != nil {
		return history.Record{}, fmt.Errorf("store: %w", err)
	}
	defer file.Close()
	record, err := history.Read(file)
	if err != nil {
		return record, fmt.Errorf("store: %s: %w", r.Path(HistoryFile), err)
	}
	return record, nil
}

// WriteNode keeps what a node left: its log and its agent's last state.
func (r *Run) WriteNode(state wire.State, log []byte) error {
	dir := r.Path(nodesDir, state.Node)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	text, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, nodeStates), append(text, '\n'), 0o644),
		os.WriteFile(filepath.Join(dir, nodeLogFile), log, 0o644))
}

// NodeDir is the folder of what a node left.
func (r *Run) NodeDir(node string) string { return r.Path(nodesDir, node) }

// ReadNodes reads what WriteNode kept, nodes in order of name. A node of which
// not everything was kept is missing; the error says of which that cannot be
// read, and the others are there nevertheless.
func (r *Run) ReadNodes() ([]wire.State, map[string][]wire.LogLine, error) {
	entries, err := os.ReadDir(r.Path(nodesDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("store: %w", err)
	}
	var states []wire.State
	logs := map[string][]wire.LogLine{}
	var failures []error
	for _, e := range entries {
		state, lines, err := r.readNode(e.Name())
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			failures = append(failures, err)
		default:
			states = append(states, state)
			logs[e.Name()] = lines
		}
	}
	return states, logs, errors.Join(failures...)
}

// readNode reads what was kept of one node.
func (r *Run) readNode(name string) (wire.State, []wire.LogLine, error) {
	var state wire.State
	if err := readJSON(r.Path(nodesDir, name, nodeStates), &state); err != nil {
		return state, nil, err
	}
	if state.Node != name {
		return state, nil, fmt.Errorf("store: %s: the state of node %q", r.Path(nodesDir, name, nodeStates), state.Node)
	}
	log := r.Path(nodesDir, name, nodeLogFile)
	if _, err := os.Stat(log); err != nil {
		return state, nil, fmt.Errorf("store: %w", err)
	}
	lines, err := readLines[wire.LogLine](log)
	return state, lines, err
}

// ReadFaults reads faults.jsonl, up to a line that cannot be read.
func (r *Run) ReadFaults() ([]cluster.Fault, error) {
	return readLines[cluster.Fault](r.Path(FaultsFile))
}

// Summary is one line of a list of runs.
type Summary struct {
	Dir     string
	Results Results
	Live    bool
}

// List finds the runs below a results folder, oldest first. Folders without a
// readable results.json are passed over.
func List(results string) ([]Summary, error) {
	found, err := filepath.Glob(filepath.Join(results, "*", "*", ResultsFile))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var all []Summary
	for _, path := range found {
		s := Summary{Dir: filepath.Dir(path)}
		if readJSON(path, &s.Results) != nil {
			continue
		}
		if s.Results.Verdict == checker.Unknown && s.Results.Reason == NotFinished {
			run, err := Open(s.Dir)
			if s.Live = errors.Is(err, ErrLive); err == nil {
				run.Close()
			}
		}
		all = append(all, s)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Results.Started.Before(all[j].Results.Started) })
	return all, nil
}
