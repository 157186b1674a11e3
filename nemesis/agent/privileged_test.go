//go:build privileged

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	defer func() { _ = unix.Close(fd) }()
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		t.Fatal(err)
	}
}

// whole is an agent that runs as main runs it.
type whole struct {
	*testing.T
	ctx    context.Context
	config wire.Config
}

// ask sends a request, over and over until the agent listens.
func (a whole) ask(method, path, body string) []byte {
	a.Helper()
	for {
		r, err := http.NewRequestWithContext(a.ctx, method, fmt.Sprintf("http://127.0.0.1:%d%s", a.config.AgentPort, path), strings.NewReader(body))
		if err != nil {
			a.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+a.config.Token)
		answer, err := http.DefaultClient.Do(r)
		if errors.Is(err, syscall.ECONNREFUSED) {
			continue // not yet; the context ends this
		}
		if err != nil {
			a.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			a.Fatalf("%s: %s, %v: %s", path, answer.Status, err, text)
		}
		return text
	}
}

func (a whole) state() (s wire.State) {
	a.Helper()
	if err := json.Unmarshal(a.ask("GET", wire.PathState, ""), &s); err != nil {
		a.Fatal(err)
	}
	return s
}

// boots waits until the node has so often said who it is.
func (a whole) boots(times int) {
	a.Helper()
	for strings.Count(string(a.ask("GET", wire.PathLog, "")), fmt.Sprintf(`"line":"%d"`, a.config.UID)) < times {
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
	a := whole{t, ctx, config}
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"--config", path}, io.Discard) }()
	a.boots(1)
	a.ask("POST", wire.PathDrop, `{"rules":[{"from":"n2"}]}`)
	a.ask("POST", wire.PathClock, `{"realtime":{"offset":1000000000,"rate":1}}`)
	a.ask("POST", wire.PathKill, "")
	a.ask("POST", wire.PathStart, "")
	a.boots(2)
	if s := a.state(); len(s.Rules) != 1 || s.Boots != 2 || s.Clock.Realtime.Offset != 1e9 {
		t.Errorf("under faults: %+v", s)
	}
	a.ask("POST", wire.PathHeal, "")
	s := a.state()
	if len(s.Rules) != 0 || s.PID == 0 || s.Clock.Realtime.Offset != 0 {
		t.Errorf("healed: %+v", s)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the agent ended: %v", err)
	}
	if err := syscall.Kill(s.PID, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the node outlived its agent: %v", err)
	}
}
