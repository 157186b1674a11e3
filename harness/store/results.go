package store

import (
	"time"

	"partita/harness/checker"
)

// Results is results.json: the outcome of a run. It is written first of all
// as unknown, "not finished", and replaced by rename.
type Results struct {
	Verdict          checker.Verdict           `json:"verdict"`
	Reason           string                    `json:"reason,omitempty"`
	Incomplete       string                    `json:"incomplete,omitempty"` // why the run did not go to its end
	Scenario         string                    `json:"scenario"`
	Workload         string                    `json:"workload"`
	Cluster          string                    `json:"cluster"` // docker or sim
	Nodes            int                       `json:"nodes"`
	Seed             int64                     `json:"seed"`
	Bug              string                    `json:"bug,omitempty"`
	Command          string                    `json:"command"`
	Started          time.Time                 `json:"started"`
	Finished         time.Time                 `json:"finished,omitzero"`
	MonotonicStartNS int64                     `json:"monotonic_start_ns"` // CLOCK_MONOTONIC when the run began
	Commit           string                    `json:"commit,omitempty"`
	Dirty            bool                      `json:"dirty"`
	Checks           map[string]checker.Result `json:"checks"`
	Operations       Operations                `json:"operations"`
	Faults           map[string]FaultCount     `json:"faults"`
	Durations        Durations                 `json:"durations"`
	Versions         Versions                  `json:"versions"`
}

// Operations counts completions.
type Operations struct {
	Total int               `json:"total"`
	OK    int               `json:"ok"`
	Fail  int               `json:"fail"`
	Info  int               `json:"info"`
	By    map[string]Counts `json:"by"` // by kind of operation
}

// Counts is how the operations of one kind ended.
type Counts struct {
	OK   int `json:"ok"`
	Fail int `json:"fail"`
	Info int `json:"info"`
}

// FaultCount is how many faults of a kind were asked for and were evident.
type FaultCount struct {
	Asked   int                   `json:"asked"`
	Evident int                   `json:"evident"`
	Shapes  map[string]FaultCount `json:"shapes,omitempty"`
}

// Durations is where a run's time went, in seconds.
type Durations struct {
	Images   float64 `json:"images"`
	Setup    float64 `json:"setup"`
	Run      float64 `json:"run"`
	Check    float64 `json:"check"`
	Teardown float64 `json:"teardown"`
}

// Versions says what ran.
type Versions struct {
	Partita string `json:"partita"`
	Go      string `json:"go"`
	Engine  string `json:"engine,omitempty"`
	Kernel  string `json:"kernel,omitempty"`
}
