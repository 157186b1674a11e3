package server

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"partita/node/api"
	"partita/node/kv"
	"partita/raft/core"
	"partita/raft/transport"
)

// echo answers every request with the request itself, as JSON, in Value.
func echo(request api.Request) (api.Reply, *api.Error) {
	b, err := json.Marshal(request)
	if err != nil {
		return api.Reply{}, &api.Error{Code: api.BadRequest, Message: err.Error()}
	}
	return api.Reply{Value: string(b), Node: "n1"}, nil
}

func newFront(do func(api.Request) (api.Reply, *api.Error)) *front {
	m := newMetrics()
	r := &fakeMember{status: core.Status{Term: 7, Role: core.Leader}}
	wires := func() transport.Counters {
		return transport.Counters{Peers: []transport.PeerCounters{{ID: n2, Sent: 9}}}
	}
	names := roster{"n1", "n2"}
	m.watch(names, r, wires)
	m.watchSessions(func() kv.Counts { return kv.Counts{Opened: 1, Deduplicated: 2, Expired: 3, Refused: 4} })
	return &front{
		do: do, metrics: m, started: time.Now(), status: func() api.Status { return api.Status{Node: "n1", Term: 7} },
		council: &council{raft: r, names: names, patience: time.Second},
		debug:   &debugPage{names: names, raft: r, wire: wires, recent: func() []news { return nil }, started: time.Now()},
	}
}

func ask(f *front, method, target, body string) (int, string) {
	w := httptest.NewRecorder()
	f.handler().ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(body)))
	b, _ := io.ReadAll(w.Result().Body)
	return w.Result().StatusCode, string(b)
}

func TestRequestsAreUnderstood(t *testing.T) {
	long := strings.Repeat("v", kv.MaxValue)
	cases := []struct {
		name, method, target, body string
		want                       api.Request
	}{
		{"cas", "POST", "/v1/kv", `{"op":"cas","key":"a","value":"2","old":"1"}`, api.Request{Op: api.CAS, Key: "a", Value: "2", Old: "1"}},
		{"cas on nothing", "POST", "/v1/kv", `{"op":"cas","key":"a","value":"2","old_absent":true}`, api.Request{Op: api.CAS, Key: "a", Value: "2", OldAbsent: true}},
		{"in a session", "POST", "/v1/kv", `{"op":"append","key":"a","value":"2","session":7,"number":3}`,
			api.Request{Op: api.Append, Key: "a", Value: "2", Session: 7, Number: 3}},
		{"a new session", "POST", "/v1/kv", `{"op":"open_session"}`, api.Request{Op: api.OpenSession}},
		{"a stale read", "POST", "/v1/kv", `{"op":"get","key":"a","reads":"stale"}`, api.Request{Op: api.Get, Key: "a", Reads: api.StaleRead}},
		{"space after", "POST", "/v1/kv", "{\"op\":\"get\",\"key\":\"a\"}\n", api.Request{Op: api.Get, Key: "a"}},
		{"longest value, all escaped", "POST", "/v1/kv",
			`{"op":"put","key":"a","value":"` + strings.Repeat(`\u0076`, kv.MaxValue) + `"}`, api.Request{Op: api.Put, Key: "a", Value: long}},
		{"get by path", "GET", "/v1/kv/a", "", api.Request{Op: api.Get, Key: "a"}},
		{"put by path", "PUT", "/v1/kv/a", "x y", api.Request{Op: api.Put, Key: "a", Value: "x y"}},
		{"delete by path", "DELETE", "/v1/kv/a", "", api.Request{Op: api.Delete, Key: "a"}},
		{"slashes in a key", "GET", "/v1/kv/a//b/../c%2Fd%20e", "", api.Request{Op: api.Get, Key: "a//b/../c/d e"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			status, body := ask(newFront(echo), c.method, c.target, c.body)
			var reply api.Reply
			var got api.Request
			if err := json.Unmarshal([]byte(body), &reply); err != nil || status != http.StatusOK {
				t.Fatalf("%d %.200s: %v", status, body, err)
			}
			if err := json.Unmarshal([]byte(reply.Value), &got); err != nil || got != c.want {
				t.Errorf("got %.200s, want %+.200v", reply.Value, c.want)
			}
		})
	}
}

func TestBadRequestsAreRefused(t *testing.T) {
	never := func(api.Request) (api.Reply, *api.Error) {
		t.Error("a bad request reached the service")
		return api.Reply{}, nil
	}
	cases := []struct {
		name, method, target, body string
		status                     int
		complaint                  string
	}{
		{"unknown path", "GET", "/v2/kv", "", 404, "unknown"},
		{"pprof without its flag", "GET", "/debug/pprof/", "", 404, "unknown"},
		{"method of kv", "GET", "/v1/kv", "", 405, "GET"},
		{"method of a key", "PATCH", "/v1/kv/a", "", 405, "PATCH"},
		{"method of status", "POST", "/v1/status", "", 405, "POST"},
		{"no body", "POST", "/v1/kv", "", 400, "EOF"},
		{"not JSON", "POST", "/v1/kv", "op=get", 400, "not a request in JSON"},
		{"not an object", "POST", "/v1/kv", `[1]`, 400, "not a request in JSON"},
		{"wrong type", "POST", "/v1/kv", `{"op":"put","key":"a","value":7}`, 400, "value"},
		{"unknown field", "POST", "/v1/kv", `{"op":"get","key":"a","ttl":1}`, 400, "ttl"},
		{"two requests", "POST", "/v1/kv", `{"op":"get","key":"a"}{}`, 400, "goes on"},
		{"not UTF-8", "POST", "/v1/kv", "{\"op\":\"put\",\"key\":\"a\",\"value\":\"\xff\"}", 400, "UTF-8"},
		{"unknown op", "POST", "/v1/kv", `{"op":"incr","key":"a"}`, 400, "incr"},
		{"no key", "PUT", "/v1/kv/", "x", 400, "key is empty"},
		{"long key", "GET", "/v1/kv/" + strings.Repeat("k", kv.MaxKey+1), "", 400, "at most 512"},
		{"long value", "PUT", "/v1/kv/a", strings.Repeat("v", kv.MaxValue+1), 400, "at most 262144"},
		{"long body", "PUT", "/v1/kv/a", strings.Repeat("v", maxBody+1), 413, "more than"},
		{"body of a get", "GET", "/v1/kv/a", "x", 400, "takes no value"},
		{"number without a session", "POST", "/v1/kv", `{"op":"put","key":"a","number":1}`, 400, "without a session"},
		{"unknown way to read", "POST", "/v1/kv", `{"op":"get","key":"a","reads":"dirty"}`, 400, "dirty"},
		{"parameters", "PUT", "/v1/kv/a?old=1", "x", 400, "parameters"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			status, body := ask(newFront(never), c.method, c.target, c.body)
			var e api.Error
			if err := json.Unmarshal([]byte(body), &e); err != nil {
				t.Fatalf("%.200q is not an error in JSON: %v", body, err)
			}
			if status != c.status || e.Code != api.BadRequest || !e.Definite || !strings.Contains(e.Message, c.complaint) {
				t.Errorf("%d %+v, want %d and %q", status, e, c.status, c.complaint)
			}
		})
	}
}

func TestErrorsHaveTheirStatus(t *testing.T) {
	for code, want := range map[api.Code]int{
		api.BadRequest: 400, api.NoLeader: 503, api.NotAccepted: 503, api.Overwritten: 503, api.Stopping: 503,
		api.Overloaded: 503, api.NotServed: 503, api.Timeout: 504, api.Lost: 504,
		api.SessionExpired: 410, api.SessionStale: 409,
	} {
		f := newFront(func(api.Request) (api.Reply, *api.Error) {
			return api.Reply{}, &api.Error{Code: code, Message: "m", Leader: "n2"}
		})
		status, body := ask(f, "GET", "/v1/kv/a", "")
		if status != want || body != `{"code":"`+string(code)+`","message":"m","leader":"n2","definite":false}`+"\n" {
			t.Errorf("%s: %d %s", code, status, body)
		}
	}
}

func TestTheRestOfTheInterface(t *testing.T) {
	f := newFront(echo)
	f.pprof = true
	ask(f, "PUT", "/v1/kv/a", "x")
	cases := []struct{ target, want string }{
		{"/v1/health", "ok\n"},
		{"/v1/status", `"term":7`},
		{"/v1/clock", `"monotonic":`},
		{"/metrics", `partita_operations_total{op="put",outcome="ok"} 1`},
		{"/metrics", "partita_raft_term 7"},
		{"/metrics", "partita_raft_chunks_sent_total 5"},
		{"/metrics", "partita_sessions_deduplicated_total 2"},
		{"/metrics", "partita_sessions_expired_total 3"},
		// What the harness looks for beside those, when a scenario wants it reached.
		{"/metrics", "partita_raft_reads_by_lease_total 0"},
		{"/metrics", "partita_raft_reads_by_round_total 0"},
		{"/metrics", "partita_raft_snapshots_saved_total 0"},
		{"/metrics", "partita_raft_snapshots_installed_total 0"},
		{"/metrics", "partita_raft_joint_configurations_total 0"},
		{"/metrics", "partita_raft_transfers_total 0"},
		{"/metrics", `partita_transport_messages_total{outcome="sent",peer="n2"} 9`},
		{"/debug/pprof/", "goroutine"},
	}
	for _, c := range cases {
		if status, body := ask(f, "GET", c.target, ""); status != 200 || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %.300s", c.target, status, body)
		}
	}
}

func FuzzPostKV(f *testing.F) {
	f.Add(`{"op":"cas","key":"a","value":"2","old":"1"}`)
	front := newFront(func(request api.Request) (api.Reply, *api.Error) {
		if err := kv.Validate(request); err != nil {
			panic(err)
		}
		return api.Reply{}, nil
	})
	f.Fuzz(func(t *testing.T, body string) {
		status, answer := ask(front, "POST", "/v1/kv", body)
		if !json.Valid([]byte(answer)) || (status != 200 && status != 400 && status != 413) {
			t.Fatalf("%q: %d %s", body, status, answer)
		}
	})
}

// quiet is a log that nobody reads.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
