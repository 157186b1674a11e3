package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"partita/node/api"
)

// served is a Cluster whose only real node is an HTTP server.
type served struct {
	mu      sync.Mutex
	nodes   []Node
	arrived chan string   // commands that have come in
	release chan struct{} // closed to let them return
}

func (s *served) Nodes() []Node { s.mu.Lock(); defer s.mu.Unlock(); return s.nodes }

func (s *served) Close(context.Context) error { return nil }

func (s *served) Agent(ctx context.Context, c Command) error {
	s.arrived <- c.Node
	select {
	case <-s.release:
	case <-ctx.Done():
		return ctx.Err()
	}
	if c.Node == "n2" {
		return errors.New("refused")
	}
	return nil
}

func node(t *testing.T, value string) string {
	mux := http.NewServeMux()
	mux.HandleFunc(api.PathHealth, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	answer := func(v any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(v) }
	}
	mux.HandleFunc(api.PathKV, answer(api.Reply{Value: value, Found: true}))
	mux.HandleFunc(api.PathStatus, answer(api.Status{Node: value}))
	mux.HandleFunc(api.PathClock, answer(api.Clock{Realtime: 7}))
	mux.HandleFunc(api.PathMembers, answer(api.Members{Voters: []string{value}, Index: 9}))
	mux.HandleFunc(api.PathTransfer, answer(api.Transferred{Leader: value}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestConnectionFollowsAddresses(t *testing.T) {
	start, err := Begin()
	if err != nil {
		t.Fatal(err)
	}
	cluster := &served{nodes: []Node{{Name: "n1", Client: node(t, "first")}}}
	conn := NewHTTP(cluster, start, time.Hour)
	defer conn.Close()
	read := func(name string) (api.Reply, error) {
		return conn.Call(name, api.Request{Op: api.Get, Key: "a"}, 5*time.Second)
	}
	for _, want := range []string{"first", "second"} {
		if got, err := read("n1"); err != nil || got.Value != want {
			t.Errorf("got %+v, %v, want %s", got, err, want)
		}
		cluster.mu.Lock()
		cluster.nodes = []Node{{Name: "n1", Client: node(t, "second")}}
		cluster.mu.Unlock()
	}
	_, err = read("n9")
	var said *api.Error
	if !errors.As(err, &said) || !said.Definite {
		t.Errorf("a node that is not there gives %v", err)
	}
}

func TestMachines(t *testing.T) {
	start, err := Begin()
	if err != nil {
		t.Fatal(err)
	}
	world := NewMachines(t.Context(), &served{nodes: []Node{{Name: "n1", Client: node(t, "n1")}}}, start)
	if status, err := world.Status("n1", 5*time.Second); err != nil || status.Node != "n1" {
		t.Errorf("status is %+v, %v", status, err)
	}
	if c, err := world.Clock("n1", 5*time.Second); err != nil || c.Realtime != 7 {
		t.Errorf("clock is %+v, %v", c, err)
	}
	if m, err := world.ChangeMembers("n1", []api.MemberChange{{Op: api.Remove, Node: "n2"}}, 5*time.Second); err != nil || m.Index != 9 {
		t.Errorf("a change gives %+v, %v", m, err)
	}
	if done, err := world.Transfer("n1", "n2", 5*time.Second); err != nil || done.Leader != "n1" {
		t.Errorf("a transfer gives %+v, %v", done, err)
	}
	if _, err := world.Status("n2", time.Second); err == nil {
		t.Error("a node that is not there has a status")
	}
	var said *api.Error
	if _, err := world.ChangeMembers("n2", nil, time.Second); !errors.As(err, &said) || !said.Definite {
		t.Errorf("a change through a node that is not there gives %v", err)
	}
	if _, err := world.Transfer("n2", "n1", time.Second); !errors.As(err, &said) || !said.Definite {
		t.Errorf("a transfer by a node that is not there gives %v", err)
	}
	if names := world.Nodes(); len(names) != 1 || names[0] != "n1" {
		t.Errorf("nodes are %v", names)
	}
	if at := world.Monotonic(start.MonotonicNS + 5); at != 5 {
		t.Errorf("5 ns after the start is %v", at)
	}
}

func TestAgentsInParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The channel holds nothing: each command must have been taken up while
		// none has returned.
		cluster := &served{arrived: make(chan string), release: make(chan struct{})}
		world := NewMachines(t.Context(), cluster, Start{})
		var answers []Answer
		done := make(chan struct{})
		go func() {
			defer close(done)
			answers = world.Agents([]Command{{Node: "n1"}, {Node: "n2"}, {Node: "n3"}}, time.Second)
		}()
		for range 3 {
			<-cluster.arrived
		}
		close(cluster.release)
		<-done
		for i, want := range []string{"n1", "n2", "n3"} {
			if answers[i].Node != want || (answers[i].Err != nil) != (want == "n2") {
				t.Errorf("answer %d is %+v", i, answers[i])
			}
		}
	})
}

func TestAgentsHaveADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := &served{arrived: make(chan string, 1), release: make(chan struct{})}
		answers := NewMachines(t.Context(), cluster, Start{}).Agents([]Command{{Node: "n1"}}, time.Second)
		if !errors.Is(answers[0].Err, context.DeadlineExceeded) {
			t.Errorf("a silent agent gives %v", answers[0].Err)
		}
	})
}

func TestHealGetsThroughAfterTheEnd(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	end()
	cluster := &served{arrived: make(chan string, 1), release: make(chan struct{})}
	close(cluster.release)
	answers := NewMachines(ctx, cluster, Start{}).Agents([]Command{{Node: "n1"}}, time.Minute)
	if len(cluster.arrived) != 1 || errors.Is(answers[0].Err, context.Canceled) {
		t.Errorf("after the end the command gives %v", answers[0].Err)
	}
}

func TestNoCallOutlastsTheEnd(t *testing.T) {
	start, err := Begin()
	if err != nil {
		t.Fatal(err)
	}
	conn := NewHTTP(&served{nodes: []Node{{Name: "n1", Client: node(t, "x")}}}, start, 0)
	defer conn.Close()
	_, err = conn.Call("n1", api.Request{Op: api.Get, Key: "a"}, time.Hour)
	var said *api.Error
	if !errors.As(err, &said) || !said.Definite {
		t.Errorf("a call after the end gives %v, want a definite error", err)
	}
}

func TestSleepEndsWithTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		began := time.Now()
		world := NewMachines(ctx, nil, Start{})
		if err := world.Sleep(time.Second); err != nil || time.Since(began) != time.Second {
			t.Errorf("an ordinary sleep gives %v after %v", err, time.Since(began))
		}
		time.AfterFunc(time.Second, end)
		if err := world.Sleep(time.Hour); !errors.Is(err, ErrEnding) || time.Since(began) != 2*time.Second {
			t.Errorf("a sleep past the end gives %v after %v", err, time.Since(began))
		}
		for range 20 {
			if err := world.Sleep(0); !errors.Is(err, ErrEnding) {
				t.Fatalf("a sleep after the end gives %v", err)
			}
		}
	})
}
