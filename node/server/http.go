package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"
	"unicode/utf8"

	"partita/node/api"
	"partita/node/kv"
)

// maxBody bounds a request's body, in bytes: JSON may write each byte of a
// key or value as six.
const maxBody = 6*(2*kv.MaxValue+kv.MaxKey) + 1024

// front is the node's HTTP interface.
type front struct {
	do      func(api.Request) (api.Reply, *api.Error)
	status  func() api.Status
	metrics *metrics
	council *council
	debug   http.Handler
	started time.Time
	pprof   bool
}

// routes gives each path the methods that it knows. A path that ends in a
// slash stands for all below it.
func (f *front) routes() map[string]map[string]http.HandlerFunc {
	routes := map[string]map[string]http.HandlerFunc{
		api.PathKV:       {http.MethodPost: f.postKV},
		api.PathKV + "/": {http.MethodGet: f.key(api.Get), http.MethodPut: f.key(api.Put), http.MethodDelete: f.key(api.Delete)},
		api.PathMembers:  {http.MethodGet: f.getMembers, http.MethodPost: f.postMembers},
		api.PathTransfer: {http.MethodPost: f.postTransfer},
		api.PathDebug:    {http.MethodGet: f.debug.ServeHTTP},
		api.PathStatus:   {http.MethodGet: f.getStatus},
		api.PathHealth:   {http.MethodGet: getHealth},
		api.PathClock:    {http.MethodGet: f.getClock},
		api.PathMetrics:  {http.MethodGet: f.metrics.handler().ServeHTTP},
	}
	if f.pprof {
		routes["/debug/pprof/"] = map[string]http.HandlerFunc{http.MethodGet: pprof.Index}
		routes["/debug/pprof/profile"] = map[string]http.HandlerFunc{http.MethodGet: pprof.Profile}
		routes["/debug/pprof/trace"] = map[string]http.HandlerFunc{http.MethodGet: pprof.Trace}
	}
	return routes
}

// handler routes by itself: http.ServeMux would redirect keys with slashes in
// a row, and answer in prose what has to be answered in JSON.
func (f *front) handler() http.Handler {
	routes := f.routes()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		methods, known := routes[path]
		for prefix := range routes {
			if !known && strings.HasSuffix(prefix, "/") && strings.HasPrefix(path, prefix) {
				methods, known = routes[prefix], true
			}
		}
		if !known {
			refuse(w, http.StatusNotFound, fmt.Sprintf("path %.80q is unknown", path))
			return
		}
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		handle, known := methods[method]
		if !known {
			refuse(w, http.StatusMethodNotAllowed, fmt.Sprintf("%s does not take the method %s", path, r.Method))
			return
		}
		handle(w, r)
	})
}

// postKV takes an api.Request as JSON.
func (f *front) postKV(w http.ResponseWriter, r *http.Request) {
	var request api.Request
	if readJSON(w, r, &request) {
		f.serve(w, request)
	}
}

// key takes the friendly forms: the key in the path, a value as the body.
func (f *front) key(op api.Op) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			refuse(w, http.StatusBadRequest, "parameters are not taken; POST to "+api.PathKV+" for all a request can say")
			return
		}
		request := api.Request{Op: op, Key: strings.TrimPrefix(r.URL.Path, api.PathKV+"/")}
		body, ok := readBody(w, r)
		if !ok {
			return
		}
		request.Value = string(body) // which get and delete do not take
		f.serve(w, request)
	}
}

// serve runs one operation and answers with its outcome.
func (f *front) serve(w http.ResponseWriter, request api.Request) {
	if err := kv.Validate(request); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	began := time.Now()
	reply, err := f.do(request)
	f.metrics.observe(request.Op, err, time.Since(began))
	writeOutcome(w, reply, err)
}

// writeOutcome tells a client what became of its request.
func writeOutcome(w http.ResponseWriter, reply any, err *api.Error) {
	if err != nil {
		writeJSON(w, statusOf(err.Code), err)
		return
	}
	writeJSON(w, http.StatusOK, reply)
}

func (f *front) getStatus(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, f.status())
}

func getHealth(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n") // a client that hung up wants no answer
}

// getClock reads both clocks through the Go runtime, as the rest of the node does.
func (f *front) getClock(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, api.Clock{
		Realtime:  time.Now().UnixNano(),
		Monotonic: int64(time.Since(f.started)),
	})
}

// readBody reads a body up to its limit, or answers why not.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", maxBody))
	case err != nil:
		refuse(w, http.StatusBadRequest, "the body did not arrive whole: "+err.Error())
	default:
		return body, true
	}
	return nil, false
}

// readJSON reads a request from the body, or answers why not.
func readJSON(w http.ResponseWriter, r *http.Request, request any) bool {
	body, ok := readBody(w, r)
	if !ok {
		return false
	}
	if err := decodeStrictly(body, request); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return false
	}
	return true
}

// decodeStrictly takes one JSON object with no field but the request's.
func decodeStrictly(body []byte, request any) error {
	if !utf8.Valid(body) {
		return errors.New("the body is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(request); err != nil {
		return fmt.Errorf("the body is not a request in JSON: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("the body goes on after the request")
	}
	return nil
}

// statusOf gives the HTTP status of an error: what the client did wrong, what
// it may try again elsewhere, and what it cannot know.
func statusOf(code api.Code) int {
	switch code {
	case api.BadRequest:
		return http.StatusBadRequest
	case api.SessionExpired:
		return http.StatusGone
	case api.SessionStale:
		return http.StatusConflict
	case api.Timeout, api.Lost:
		return http.StatusGatewayTimeout
	case api.BadChange, api.ChangePending:
		return http.StatusConflict
	}
	return http.StatusServiceUnavailable
}

// refuse answers a request that was not understood.
func refuse(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, &api.Error{Code: api.BadRequest, Message: message, Definite: true})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("server: every answer can be encoded: %v", err))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a client that hung up wants no answer
}
