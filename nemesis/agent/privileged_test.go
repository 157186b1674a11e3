//go:build privileged

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"partita/nemesis/wire"
)

// namespaceVariable marks the run of this test binary that lives in a network
// namespace of its own.
const namespaceVariable = "PARTITA_AGENT_NAMESPACE"

// TestMain runs all tests in a network namespace of their own, so that the
// host's rules are never touched.
func TestMain(m *testing.M) {
	if os.Getenv(namespaceVariable) != "" {
		os.Exit(m.Run())
	}
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), namespaceVariable+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(max(exit.ExitCode(), 1))
	case err != nil:
		panic(err)
	}
}

// loopback brings the namespace's loopback up.
func loopback(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		t.Fatal(err)
	}
}

// TestWholeAgent runs the agent as main does, with the kernel's own packet
// filter and another user's node.
func TestWholeAgent(t *testing.T) {
	loopback(t)
	folder := t.TempDir()
	config := good()
	config.Data, config.Log, config.Clocks = filepath.Join(folder, "data"), filepath.Join(folder, "log", "node.jsonl"), true
	config.Command = []string{"/bin/sh", "-c", "id -u; exec sleep 1000"}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "agent.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var complaints bytes.Buffer
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := run(ctx, []string{"--config", path}, &complaints); err != nil {
			t.Errorf("the agent ended: %v", err)
		}
	})
	ask := func(method, path, body string, into any) {
		t.Helper()
		for ctx.Err() == nil {
			r, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://127.0.0.1:%d%s", config.AgentPort, path), strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer secret")
			answer, err := http.DefaultClient.Do(r)
			if errors.Is(err, syscall.ECONNREFUSED) {
				continue // not yet
			}
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if err := json.NewDecoder(answer.Body).Decode(into); err != nil || answer.StatusCode != http.StatusOK {
				t.Errorf("%s: %s, %v, %+v", path, answer.Status, err, into)
			}
			return
		}
		t.Fatalf("%s: %v", path, ctx.Err())
	}
	var state wire.State
	for state.PID == 0 && ctx.Err() == nil {
		ask("GET", wire.PathState, "", &state)
	}
	var done wire.Done
	ask("POST", wire.PathDrop, `{"rules":[{"from":"n2"}]}`, &done)
	ask("POST", wire.PathClock, `{"realtime":{"offset":1000000000,"rate":1}}`, &done)
	ask("POST", wire.PathKill, "", &done)
	ask("POST", wire.PathStart, "", &done)
	ask("GET", wire.PathState, "", &state)
	if len(state.Rules) != 1 || state.Boots != 2 || state.Clock.Realtime.Offset != 1e9 {
		t.Errorf("under faults: %+v", state)
	}
	ask("POST", wire.PathHeal, "", &done)
	state = wire.State{}
	ask("GET", wire.PathState, "", &state)
	if len(state.Rules) != 0 || state.PID != done.PID || state.PID == 0 {
		t.Errorf("healed: %+v", state)
	}
	cancel()
	ended.Wait()
	if err := syscall.Kill(state.PID, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the node outlived its agent: %v", err)
	}
	log, err := os.ReadFile(config.Log)
	if err != nil || strings.Count(string(log), `"line":"1000"`) != 2 {
		t.Errorf("the log, %v:\n%s\n%s", err, log, complaints.String())
	}
}
