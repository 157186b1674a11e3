package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"partita/nemesis/agent/firewall"
	"partita/nemesis/agent/logbook"
	"partita/nemesis/agent/mono"
	"partita/nemesis/agent/probe"
	"partita/nemesis/agent/supervisor"
	"partita/nemesis/wire"
)

// How long commands may take.
const (
	commandLimit = 5 * time.Second
	stopLimit    = 10 * time.Second // the node drains
	logLimit     = 30 * time.Second // the log may be long
)

// maxBody bounds a command's body, in bytes.
const maxBody = 1 << 16

// errRequest wraps complaints about how something was asked.
var errRequest = errors.New("bad request")

// agent answers commands.
type agent struct {
	setting
	logger *slog.Logger
	node   *supervisor.Supervisor
	chain  *firewall.Chain
	prober *probe.Prober
	book   *logbook.Book
}

// handler is all paths behind the check of the token.
func (a *agent) handler() http.Handler {
	mux := http.NewServeMux()
	for _, c := range []struct {
		path  string
		limit time.Duration
		run   func(ctx context.Context, body io.Reader) error
	}{
		{wire.PathStart, commandLimit, bare(a.node.Start)},
		{wire.PathStop, stopLimit, bare(a.node.Stop)},
		{wire.PathKill, commandLimit, bare(a.node.Kill)},
		{wire.PathPause, commandLimit, bare(a.node.Pause)},
		{wire.PathResume, commandLimit, bare(a.node.Resume)},
		{wire.PathDrop, commandLimit, a.drop},
		{wire.PathHeal, commandLimit, bare(a.heal)},
		{wire.PathClock, commandLimit, a.clock},
	} {
		mux.Handle("POST "+c.path, a.command(c.path, c.limit, c.run))
	}
	mux.Handle("GET "+wire.PathState, ask(commandLimit, a.state))
	mux.Handle("GET "+wire.PathProbes, ask(commandLimit, a.probes))
	mux.HandleFunc("GET "+wire.PathLog, a.log)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { refuse(w, mux, r) })
	return a.authorised(mux)
}

// refuse answers what no path takes.
func refuse(w http.ResponseWriter, mux *http.ServeMux, r *http.Request) {
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		other := &http.Request{Method: method, URL: &url.URL{Path: r.URL.Path}, Host: r.Host}
		if _, pattern := mux.Handler(other); pattern != "/" {
			w.Header().Set("Allow", method)
			fail(w, http.StatusMethodNotAllowed, fmt.Errorf("%s %s: want %s", r.Method, r.URL.Path, method))
			return
		}
	}
	fail(w, http.StatusNotFound, fmt.Errorf("%s: no such path", r.URL.Path))
}

// authorised refuses requests without the run's token. Digests are compared,
// which takes the same time whatever differs, lengths included.
func (a *agent) authorised(next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(a.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(token))
		if !bearer || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			fail(w, http.StatusUnauthorized, errors.New("the token is missing or wrong"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// command answers a command with what it took.
func (a *agent) command(path string, limit time.Duration, run func(ctx context.Context, body io.Reader) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		done := wire.Done{Began: mono.Now()}
		if err := run(ctx, http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
			a.logger.Warn("a command failed", "command", path, "error", err)
			fail(w, status(err), err)
			return
		}
		done.Ended, done.PID = mono.Now(), a.node.PID()
		reply(w, http.StatusOK, done)
	})
}

// bare is a command that has nothing to say in its body.
func bare(run func(ctx context.Context) error) func(context.Context, io.Reader) error {
	return func(ctx context.Context, body io.Reader) error {
		if err := read(body, &struct{}{}); err != nil {
			return err
		}
		return run(ctx)
	}
}

// read decodes a command's body.
func read(body io.Reader, into any) error {
	if err := decode(body, into); err != nil {
		return fmt.Errorf("%w: body: %w", errRequest, err)
	}
	return nil
}

func (a *agent) drop(ctx context.Context, body io.Reader) error {
	var d wire.Drop
	if err := read(body, &d); err != nil {
		return err
	}
	return a.chain.Set(ctx, d.Rules)
}

func (a *agent) clock(ctx context.Context, body io.Reader) error {
	var c wire.Clock
	if err := read(body, &c); err != nil {
		return err
	}
	return a.node.Skew(ctx, c)
}

// heal takes back every fault that can be: each is tried, whatever becomes of
// the others. A node that does not run is left as it is.
func (a *agent) heal(ctx context.Context) error {
	resume := a.node.Resume(ctx)
	if errors.Is(resume, supervisor.ErrNotRunning) {
		resume = nil
	}
	return errors.Join(a.chain.Set(ctx, nil), a.node.Straighten(ctx), resume)
}

// ask answers a question.
func ask(limit time.Duration, answer func(ctx context.Context, query url.Values) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		value, err := answer(ctx, r.URL.Query())
		if err != nil {
			fail(w, status(err), err)
			return
		}
		reply(w, http.StatusOK, value)
	})
}

func (a *agent) state(ctx context.Context, _ url.Values) (any, error) {
	rules, dropped, err := a.chain.Read(ctx)
	if err != nil {
		return nil, err
	}
	realtime, now := mono.Realtime(), mono.Now()
	state, err := a.node.State(realtime, now)
	if err != nil {
		return nil, err
	}
	state.Node, state.Now, state.Realtime, state.Monotonic = a.Node, now, realtime, now
	state.Rules, state.Dropped = rules, dropped
	return state, nil
}

func (a *agent) probes(_ context.Context, query url.Values) (any, error) {
	since, err := instant(query, "since", math.MinInt64)
	if err != nil {
		return nil, err
	}
	until, err := instant(query, "until", math.MaxInt64)
	if err != nil {
		return nil, err
	}
	for name := range query {
		if name != "since" && name != "until" {
			return nil, fmt.Errorf("%w: parameter %q: want since and until", errRequest, name)
		}
	}
	return a.prober.Between(since, until), nil
}

// instant reads a query parameter, in nanoseconds of the shared clock.
func instant(query url.Values, name string, missing int64) (int64, error) {
	values := query[name]
	if len(values) == 0 {
		return missing, nil
	}
	ns, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || len(values) > 1 {
		return 0, fmt.Errorf("%w: parameter %s: %q, want one number of nanoseconds", errRequest, name, values)
	}
	return ns, nil
}

// log sends the node's log so far.
func (a *agent) log(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), logLimit)
	defer cancel()
	if err := a.node.Drain(ctx); err != nil {
		fail(w, status(err), err)
		return
	}
	lines, err := a.book.Reader(ctx)
	if err != nil {
		fail(w, status(err), err)
		return
	}
	defer lines.Close()
	w.Header().Set("Content-Type", "application/jsonl")
	if _, err := io.Copy(w, lines); err != nil {
		a.logger.Warn("the log was not sent in full", "error", err)
		panic(http.ErrAbortHandler) // lets the other side see that it is cut short
	}
}

// status is the code that an error is answered with.
func status(err error) int {
	switch {
	case errors.Is(err, errRequest), errors.Is(err, firewall.ErrRules), errors.Is(err, supervisor.ErrCommand):
		return http.StatusBadRequest
	case errors.Is(err, supervisor.ErrNotRunning):
		return http.StatusConflict
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

func fail(w http.ResponseWriter, code int, err error) {
	reply(w, code, wire.Error{Message: err.Error()})
}

// reply sends JSON. Whether it arrives only the other side can tell.
func reply(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}
