package api

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// timeout is long enough for a loopback on a busy machine and short enough to
// wait for where a test waits for it.
const timeout = 300 * time.Millisecond

// serve answers health requests and gives all others to kv.
func serve(t *testing.T, kv http.HandlerFunc) (addr string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc(PathHealth, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("/", kv)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// accept hands every connection to a raw listener to handle, which closes it.
func accept(t *testing.T, handle func(conn net.Conn)) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var handlers sync.WaitGroup
	handlers.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			handlers.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		handlers.Wait()
	})
	return listener.Addr().String()
}

// reset makes closing a connection send a reset.
func reset(conn net.Conn) { conn.(*net.TCPConn).SetLinger(0) }

// healthThen answers the health request on a raw connection and reads one
// request more, then does as told.
func healthThen(then func(conn net.Conn)) func(conn net.Conn) {
	return func(conn net.Conn) {
		r := bufio.NewReader(conn)
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		io.Copy(io.Discard, req.Body)
		then(conn)
	}
}

// untilClosed waits for the other side to hang up.
func untilClosed(conn net.Conn) { io.Copy(io.Discard, conn) }

func refusing(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	return listener.Addr().String()
}

// patience is for what takes no time, but on a slow machine.
const patience = 30 * time.Second

func TestDoClassifiesFailures(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	say := func(s string) func(conn net.Conn) {
		return healthThen(func(conn net.Conn) { io.WriteString(conn, s) })
	}
	cases := []struct {
		name     string
		addr     string
		code     Code
		definite bool // of a put; a get's failure is always definite
	}{
		{"refused", refusing(t), Unreachable, true},
		{"accepts and resets", accept(t, reset), Unreachable, true},
		{"accepts and closes", accept(t, func(net.Conn) {}), Unreachable, true},
		{"accepts and hangs", accept(t, untilClosed), Unreachable, true},
		{"no health", accept(t, func(conn net.Conn) {
			io.WriteString(conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nok")
			untilClosed(conn)
		}), Unreachable, true},
		{"another's health", accept(t, func(conn net.Conn) {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
			untilClosed(conn)
		}), Unreachable, true},
		{"closes after health", accept(t, func(conn net.Conn) {
			http.ReadRequest(bufio.NewReader(conn))
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
		}), Unreachable, true},
		{"hangs after the request", accept(t, healthThen(untilClosed)), Timeout, false},
		{"resets after the request", accept(t, healthThen(reset)), Broken, false},
		{"closes after the request", accept(t, healthThen(func(net.Conn) {})), Broken, false},
		{"half an answer", accept(t, say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")), Broken, false},
		{"garbage instead of HTTP", accept(t, say("garbage\r\n\r\n")), Broken, false},
		{"garbage instead of JSON", serve(t, answer(200, "<html>")), Broken, false},
		{"an endless answer", serve(t, answer(200, strings.Repeat(" ", maxAnswer+1))), Broken, false},
		{"an error that is none of ours", serve(t, answer(502, "bad gateway")), Broken, false},
		{"an error without a code", serve(t, answer(500, "{}")), Broken, false},
		{"the node's definite error", serve(t, answer(503, `{"code":"no_leader","definite":true}`)), NoLeader, true},
		{"the node's indefinite error", serve(t, answer(504, `{"code":"timeout"}`)), Timeout, false},
	}
	for _, c := range cases {
		for _, op := range []Op{Put, Get} {
			t.Run(c.name+"/"+string(op), func(t *testing.T) {
				t.Parallel()
				client := NewClient(c.addr)
				defer client.Close()
				// Only what waits for the time to run out has little of it.
				limit := patience
				if c.name == "hangs after the request" {
					limit = timeout
				}
				_, err := client.Do(Request{Op: op, Key: "k"}, limit)
				var e *Error
				if !errors.As(err, &e) {
					t.Fatalf("got %v", err)
				}
				if e.Code != c.code || e.Definite != (c.definite || op == Get) {
					t.Errorf("%s definite %v, want %s %v: %s", e.Code, e.Definite, c.code, c.definite || op == Get, e.Message)
				}
			})
		}
	}
}

func TestDoKeepsOneConnection(t *testing.T) {
	var health, ops atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc(PathHealth, func(w http.ResponseWriter, _ *http.Request) {
		health.Add(1)
		io.WriteString(w, "ok")
	})
	mux.HandleFunc(PathKV, func(w http.ResponseWriter, r *http.Request) {
		ops.Add(1)
		var req Request
		json.NewDecoder(r.Body).Decode(&req)
		json.NewEncoder(w).Encode(Reply{Value: req.Value, Node: "n1"})
	})
	mux.HandleFunc(PathStatus, func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(Status{Term: 7}) })
	mux.HandleFunc(PathClock, func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(Clock{Realtime: 9}) })
	server := httptest.NewServer(mux)
	defer server.Close()
	client := NewClient(server.Listener.Addr().String())
	defer client.Close()
	for i := range 3 {
		reply, err := client.Do(Request{Op: Put, Key: "k", Value: fmt.Sprint(i)}, 5*time.Second)
		if err != nil || reply.Value != fmt.Sprint(i) {
			t.Fatalf("got %+v, %v", reply, err)
		}
	}
	if status, err := client.Status(5 * time.Second); err != nil || status.Term != 7 {
		t.Errorf("status %+v, %v", status, err)
	}
	if clock, err := client.Clock(5 * time.Second); err != nil || clock.Realtime != 9 {
		t.Errorf("clock %+v, %v", clock, err)
	}
	if health.Load() != 1 || ops.Load() != 3 {
		t.Errorf("%d health requests, %d operations", health.Load(), ops.Load())
	}
	// The server drops the idle connection: the next operation needs, and
	// proves, a new one, and is sent once.
	server.CloseClientConnections()
	for deadline := time.Now().Add(5 * time.Second); quiet(client.conn); {
		if time.Now().After(deadline) {
			t.Fatal("the closed connection still looks open")
		}
	}
	if _, err := client.Do(Request{Op: Put, Key: "k"}, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if health.Load() != 2 || ops.Load() != 4 {
		t.Errorf("after the drop: %d health requests, %d operations", health.Load(), ops.Load())
	}
}

// TestNothingIsSentTwice counts what reaches a server that hangs up on every
// operation: net/http would repeat a get, and a put on a kept connection.
func TestNothingIsSentTwice(t *testing.T) {
	var ops atomic.Int32
	addr := accept(t, healthThen(func(net.Conn) { ops.Add(1) }))
	for i, op := range []Op{Get, Put, Delete} {
		client := NewClient(addr)
		if _, err := client.Do(Request{Op: op, Key: "k"}, 5*time.Second); err == nil {
			t.Error("no error")
		}
		client.Close()
		if got := ops.Load(); got != int32(i+1) {
			t.Fatalf("%d requests arrived, want %d", got, i+1)
		}
	}
}

func TestNoTimeLeft(t *testing.T) {
	addr := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("an operation was sent with no time left") })
	_, err := NewClient(addr).Do(Request{Op: Put, Key: "k"}, 0)
	var e *Error
	if !errors.As(err, &e) || e.Code != Unreachable || !e.Definite {
		t.Errorf("got %v", err)
	}
}
