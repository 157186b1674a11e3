package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"partita/nemesis/agent/children"
	"partita/nemesis/agent/firewall"
	"partita/nemesis/agent/logbook"
	"partita/nemesis/agent/mono"
	"partita/nemesis/agent/probe"
	"partita/nemesis/agent/supervisor"
	"partita/nemesis/wire"
)

// inMemory stands in for iptables, so that the tests never touch the host's: it
// keeps the rules of our chain.
type inMemory struct {
	rules  []string
	broken error
}

func (m *inMemory) run(_ context.Context, path string, args []string, stdin []byte) ([]byte, error) {
	if m.broken != nil {
		return nil, m.broken
	}
	if strings.HasSuffix(path, "-restore") {
		m.rules = nil
		for text := range strings.Lines(string(stdin)) {
			if rule, ok := strings.CutPrefix(strings.TrimSpace(text), "-A PARTITA -s "); ok {
				m.rules = append(m.rules, strings.Replace(strings.TrimSuffix(rule, " -j DROP"), " ", "/32 ", 1))
			}
		}
		return nil, nil
	}
	out := ""
	for _, r := range m.rules {
		if address, rest, found := strings.Cut(r, " "); found {
			out += fmt.Sprintf("-A PARTITA -s %s %s -c 1 40 -j DROP\n", address, rest)
		} else {
			out += fmt.Sprintf("-A PARTITA -s %s/32 -c 2 80 -j DROP\n", r)
		}
	}
	return []byte(out), nil
}

// trial is an agent without its port, and its node, which just sleeps.
type trial struct {
	*testing.T
	handler http.Handler
	tables  *inMemory
}

func newTrial(t *testing.T) *trial {
	t.Helper()
	config := good()
	config.ProbePort = freePort(t)
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	s, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := children.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	book, err := logbook.Open(filepath.Join(t.TempDir(), "node.jsonl"), mono.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := book.Close(); err != nil {
			t.Error(err)
		}
	})
	logger := slog.New(slog.DiscardHandler)
	node, err := supervisor.New(supervisor.Options{Command: []string{"/bin/sh", "-c", "echo '<ready>'; exec sleep 1000"},
		UID: os.Geteuid(), Clocks: true, Owner: owner, Book: book, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	prober, err := probe.Listen(probe.Options{Self: s.Node, Peers: s.addresses, Port: uint16(s.ProbePort), Every: time.Millisecond, Now: mono.Now})
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- prober.Run(ended) }()
	t.Cleanup(func() {
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	tables := &inMemory{}
	chain := firewall.New(firewall.Peers{Self: s.Node, Addresses: s.addresses, PeerPort: s.PeerPort, ProbePort: s.ProbePort},
		tables.run, []string{"iptables"})
	a := &agent{setting: s, logger: logger, node: node, chain: chain, prober: prober, book: book}
	return &trial{t, a.handler(), tables}
}

func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// send sends a request with the token.
func (a *trial) send(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer secret")
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, r)
	return w
}

// do sends a command that has to succeed.
func (a *trial) do(path, body string) wire.Done {
	a.Helper()
	before := mono.Now()
	w := a.send(http.MethodPost, path, body)
	var done wire.Done
	if err := json.Unmarshal(w.Body.Bytes(), &done); w.Code != http.StatusOK || err != nil {
		a.Fatalf("%s %s: %d %s", path, body, w.Code, w.Body)
	}
	if done.Began < before || done.Ended < done.Began || done.Ended > mono.Now() {
		a.Errorf("%s: began at %d and ended at %d", path, done.Began, done.Ended)
	}
	return done
}

func (a *trial) state() (s wire.State) {
	a.Helper()
	w := a.send(http.MethodGet, wire.PathState, "")
	if err := json.Unmarshal(w.Body.Bytes(), &s); w.Code != http.StatusOK || err != nil {
		a.Fatalf("state: %d %s", w.Code, w.Body)
	}
	return s
}

func TestProcessCommands(t *testing.T) {
	a := newTrial(t)
	if done := a.do(wire.PathStart, ""); done.PID == 0 || done.PID != a.state().PID {
		t.Errorf("start: %+v", done)
	}
	a.do(wire.PathPause, "{}")
	if !a.state().Stopped {
		t.Error("paused, it is not stopped")
	}
	a.do(wire.PathResume, "null")
	if a.state().Stopped {
		t.Error("resumed, it is stopped")
	}
	if done := a.do(wire.PathKill, ""); done.PID != 0 {
		t.Errorf("kill: %+v", done)
	}
	for _, path := range []string{wire.PathKill, wire.PathPause, wire.PathResume} {
		if w := a.send(http.MethodPost, path, ""); w.Code != http.StatusConflict {
			t.Errorf("%s of no node: %d %s", path, w.Code, w.Body)
		}
	}
	a.do(wire.PathStart, "")
	a.do(wire.PathStop, "")
	a.do(wire.PathStop, "")
	a.do(wire.PathHeal, "")
	s := a.state()
	if s.Node != "n1" || s.PID != 0 || s.Boots != 2 || len(s.Exits) != 2 || !s.Exits[0].Asked || !s.Exits[1].Asked || s.Now != s.Monotonic {
		t.Errorf("in the end: %+v", s)
	}
}

func TestFaultsAreHealed(t *testing.T) {
	a := newTrial(t)
	a.do(wire.PathStart, "")
	a.do(wire.PathDrop, `{"rules":[{"from":"n2","one_way":true}]}`)
	a.do(wire.PathClock, `{"realtime":{"offset":-5000000000,"rate":1},"monotonic":{"offset":1000,"rate":2}}`)
	a.do(wire.PathPause, "")
	s := a.state()
	if len(s.Rules) != 1 || s.Rules[0] != (wire.RuleCount{Rule: wire.Rule{From: "n2", OneWay: true}, Node: 1, Probes: 1}) || s.Dropped != 1 {
		t.Errorf("cut: %+v, dropped %d", s.Rules, s.Dropped)
	}
	if !s.Stopped || s.Clock.Realtime.Offset != -5e9 || s.Clock.Monotonic.Rate != 2 {
		t.Errorf("skewed and stopped: %+v", s)
	}
	a.do(wire.PathHeal, "")
	s = a.state()
	if s.Rules == nil || len(s.Rules) != 0 || s.Dropped != 1 || s.Stopped || *s.Clock.Realtime != (wire.Skew{Rate: 1}) || s.Clock.Monotonic.Rate != 1 || s.Clock.Monotonic.Offset <= 0 {
		t.Errorf("healed: %+v", s)
	}
	a.do(wire.PathPause, "")
	a.tables.broken = errors.New("no room")
	if w := a.send(http.MethodPost, wire.PathHeal, ""); w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "no room") {
		t.Errorf("a heal that fails in part: %d %s", w.Code, w.Body)
	}
	a.tables.broken = nil
	if a.state().Stopped {
		t.Error("the part that could be healed was not")
	}
}

func TestRefusals(t *testing.T) {
	a := newTrial(t)
	for _, c := range []struct {
		name, method, path, body string
		code                     int
		want                     string
	}{
		{"unknown field", "POST", wire.PathDrop, `{"rules":[],"for":"4s"}`, 400, `unknown field \"for\"`},
		{"a body where none belongs", "POST", wire.PathStart, `{"node":"n2"}`, 400, "unknown field"},
		{"two values", "POST", wire.PathKill, `{}{}`, 400, "more than one JSON value"},
		{"no JSON", "POST", wire.PathClock, `fast`, 400, "invalid character"},
		{"too long", "POST", wire.PathDrop, `{"rules":[` + strings.Repeat(" ", maxBody) + `]}`, 400, "too large"},
		{"unknown node", "POST", wire.PathDrop, `{"rules":[{"from":"n9"}]}`, 400, "no such node"},
		{"no clock", "POST", wire.PathClock, `{}`, 400, "no clock is named"},
		{"no rate", "POST", wire.PathClock, `{"realtime":{"offset":5}}`, 400, "clock rate 0"},
		{"back", "POST", wire.PathClock, `{"monotonic":{"offset":-5,"rate":1}}`, 400, "cannot go back"},
		{"GET of a command", "GET", wire.PathKill, ``, 405, "want POST"},
		{"POST of a question", "POST", wire.PathState, ``, 405, "want GET"},
		{"no such path", "GET", "/v2/state", ``, 404, "no such path"},
		{"a wrong instant", "GET", wire.PathProbes + "?since=now", ``, 400, "nanoseconds"},
		{"an instant twice", "GET", wire.PathProbes + "?since=1&since=2", ``, 400, "one number"},
		{"an unknown parameter", "GET", wire.PathProbes + "?from=1", ``, 400, "since and until"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := a.send(c.method, c.path, c.body)
			var e wire.Error
			if err := json.Unmarshal(w.Body.Bytes(), &e); w.Code != c.code || err != nil || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("got %d %s; want %d with %q", w.Code, w.Body, c.code, c.want)
			}
		})
	}
	if s := a.state(); s.Boots != 0 || len(s.Rules) != 0 {
		t.Errorf("something was done all the same: %+v", s)
	}
}

func TestToken(t *testing.T) {
	a := newTrial(t)
	for header, want := range map[string]int{
		"Bearer secret": 200, "": 401, "secret": 401, "Bearer ": 401, "Bearer secre": 401, "Bearer secret2": 401, "Basic secret": 401,
	} {
		for _, path := range []string{wire.PathState, wire.PathLog, "/v1/none"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Header.Set("Authorization", header)
			w := httptest.NewRecorder()
			a.handler.ServeHTTP(w, r)
			if want == 401 && w.Code != 401 || want != 401 && w.Code == 401 {
				t.Errorf("%q to %s: %d", header, path, w.Code)
			}
		}
	}
}

func TestQuestions(t *testing.T) {
	a := newTrial(t)
	var probes wire.Probes
	for len(probes.Sent) < 3 {
		w := a.send(http.MethodGet, wire.PathProbes, "")
		if err := json.Unmarshal(w.Body.Bytes(), &probes); w.Code != 200 || err != nil {
			t.Fatalf("probes: %d %s", w.Code, w.Body)
		}
	}
	w := a.send(http.MethodGet, fmt.Sprintf("%s?since=%d&until=%d", wire.PathProbes, probes.Sent[1].At, probes.Sent[2].At), "")
	var second wire.Probes
	if err := json.Unmarshal(w.Body.Bytes(), &second); err != nil || len(second.Sent) != 1 || second.Sent[0] != probes.Sent[1] || second.Received["n2"] == nil {
		t.Errorf("one of the probes: %+v, %v", second, err)
	}
	a.do(wire.PathStart, "")
	for {
		w = a.send(http.MethodGet, wire.PathLog, "")
		if w.Code != 200 || w.Body.Len() > 0 {
			break
		}
	}
	var line wire.LogLine
	dec := json.NewDecoder(w.Body)
	if err := dec.Decode(&line); err != nil || line.Line != "<ready>" || line.At == 0 {
		t.Errorf("the log's first line: %+v, %v", line, err)
	}
	if err := dec.Decode(&line); !errors.Is(err, io.EOF) {
		t.Errorf("the log has more: %+v, %v", line, err)
	}
}

func TestStatus(t *testing.T) {
	for want, err := range map[int]error{
		400: fmt.Errorf("x: %w", errRequest),
		409: fmt.Errorf("x: %w", supervisor.ErrNotRunning),
		500: errors.New("x"),
		504: fmt.Errorf("x: %w", context.DeadlineExceeded),
	} {
		if got := status(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}
