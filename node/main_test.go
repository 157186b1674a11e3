package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"partita/node/server"
)

// In the environment, asNode makes the test's binary be the node, and
// fileLimit bounds its files, in bytes, as a full disk would.
const (
	asNode    = "PARTITA_TEST_AS_NODE"
	fileLimit = "PARTITA_TEST_FILE_LIMIT"
)

func TestMain(m *testing.M) {
	if os.Getenv(asNode) != "" {
		if bytes, err := strconv.ParseUint(os.Getenv(fileLimit), 10, 64); err == nil {
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: bytes}); err != nil {
				panic(err)
			}
		}
		main()
		return
	}
	os.Exit(m.Run())
}

func TestParseFlags(t *testing.T) {
	base := []string{"--name", "n2", "--peers", "n1=10.0.0.1:7000,n2=10.0.0.2:7000", "--data", "/data"}
	cases := []struct {
		name string
		args []string
		want string // part of the complaint; empty: valid
	}{
		{"the least", base, ""},
		{"the scenario's keys", append([]string{"--election-timeout", "2s", "--election-jitter=1s", "--heartbeat", "50ms", "--max-batch", "32",
			"--snapshot-every", "100", "--session-entries", "300", "--max-sessions", "40", "--reads", "readindex", "--peer-silence", "3s", "--seed", "42"}, base...), ""},
		{"the members' keys", append([]string{"--members", "n1,n2", "--reads", "lease", "--lease-drift", "0.2", "--max-uncommitted", "1000000",
			"--snapshot-chunk", "65536", "--compact-tail", "50"}, base...), ""},
		{"members that are no peers", append([]string{"--members", "n1,n3"}, base...), "--members"},
		{"no members", append([]string{"--members", ""}, base...), "--members"},
		{"nothing", nil, "--name is missing"},
		{"unknown flag", append([]string{"--nam", "n1"}, base...), "-nam"},
		{"an argument", append(base, "extra"), `"extra" is not a flag`},
		{"no duration", append([]string{"--heartbeat", "100"}, base...), "-heartbeat"},
		{"out of bounds", append([]string{"--max-batch", "0"}, base...), "--max-batch 0 is out of bounds"},
		{"peers without names", []string{"--peers", "10.0.0.1:7000"}, `"10.0.0.1:7000" is not name=host:port`},
		{"a peer twice", []string{"--peers", "n1=a:1,n1=b:1"}, "n1 is named twice"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := parseFlags(c.args, io.Discard)
			if c.want == "" {
				if err != nil || cfg.Name != "n2" || cfg.Peers["n1"] != "10.0.0.1:7000" {
					t.Errorf("got %+v, %v", cfg, err)
				}
				return
			}
			if !errors.Is(err, errUsage) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	cfg, err := parseFlags(append([]string{"--members", "n1", "--lease-drift", "0.25", "--max-uncommitted", "8", "--snapshot-chunk", "9", "--compact-tail", "10",
		"--reads", "lease"}, base...), io.Discard)
	if err != nil || len(cfg.Members) != 1 || cfg.Members[0] != "n1" || cfg.LeaseDrift != 0.25 || cfg.MaxUncommitted != 8 ||
		cfg.SnapshotChunk != 9 || cfg.CompactTail != 10 || cfg.Reads != "lease" {
		t.Errorf("flags do not arrive: %+v, %v", cfg, err)
	}
	cfg, err = parseFlags(append([]string{"--peer-silence", "3s", "--snapshot-every", "7", "--session-entries", "300",
		"--max-sessions", "40"}, base...), io.Discard)
	if err != nil || cfg.PeerSilence != 3*time.Second || cfg.SnapshotEvery != 7 || cfg.SessionEntries != 300 || cfg.MaxSessions != 40 {
		t.Errorf("flags do not arrive: %+v, %v", cfg, err)
	}
}

func TestExitCodes(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"nothing":       {nil, 0},
		"help":          {flag.ErrHelp, 0},
		"usage":         {errors.Join(errUsage), 2},
		"storage":       {errors.Join(server.ErrStorage), 3},
		"anything else": {errors.New("port in use"), 1},
	} {
		var out bytes.Buffer
		if got := exitCode(c.err, &out); got != c.want || (got != 0) != (out.Len() > 0) {
			t.Errorf("%s: exit code %d, %q", name, got, out.String())
		}
	}
}

func TestBenchRefusesBadFlags(t *testing.T) {
	for _, args := range [][]string{{"bench", "--nodes", "0"}, {"bench", "--clients", "x"}, {"bench", "--time", "-1s"}} {
		if err := run(context.Background(), args, io.Discard, io.Discard); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
