package docker

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
)

func TestLock(t *testing.T) {
	dir := t.TempDir()
	first, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("a second lock: %v", err)
	}
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
	again, err := Lock(dir)
	if err != nil {
		t.Fatalf("after the unlock: %v", err)
	}
	if err := again.Unlock(); err != nil {
		t.Error(err)
	}
	if _, err := Lock(filepath.Join(dir, "absent")); err == nil || errors.Is(err, ErrLocked) {
		t.Errorf("the lock of no folder: %v", err)
	}
}

func TestDead(t *testing.T) {
	locked := t.TempDir()
	live, err := Lock(locked)
	if err != nil {
		t.Fatal(err)
	}
	defer live.Unlock()
	left := t.TempDir()
	write(t, filepath.Join(left, LockName), "")
	bare := t.TempDir()
	aFile := filepath.Join(bare, "file")
	write(t, aFile, "")
	tests := []struct {
		name   string
		folder string
		dead   bool
		lock   bool
		fails  bool
	}{
		{name: "a live run", folder: locked},
		{name: "a dead run", folder: left, dead: true, lock: true},
		{name: "a folder that was never locked", folder: bare, dead: true, lock: true},
		{name: "a folder that has vanished", folder: filepath.Join(bare, "gone"), dead: true},
		{name: "no folder at all", folder: "", dead: true},
		{name: "what cannot be judged is not dead", folder: aFile, fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lock, isDead, err := dead(test.folder)
			if isDead != test.dead || (lock != nil) != test.lock || (err != nil) != test.fails {
				t.Fatalf("dead %v, lock %v, error %v", isDead, lock != nil, err)
			}
			if lock == nil {
				return
			}
			if _, second, err := dead(test.folder); second || err != nil {
				t.Errorf("while one sweep holds it, another gets dead %v, error %v", second, err)
			}
			if err := lock.Unlock(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRunsOfLeftovers(t *testing.T) {
	of := func(id, folder string) map[string]string {
		return map[string]string{labelRun: id, labelFolder: folder}
	}
	l := leftovers{
		containers: []container.Summary{{Labels: of("b", "/b")}, {Labels: of("a", "/a")}, {Labels: of("b", "/b")}},
		networks:   []network.Summary{{Labels: of("c", "/c")}, {Labels: of("a", "/a2")}},
		volumes:    []*volume.Volume{{Labels: of("a", "/a")}},
	}
	want := []owner{{"a", "/a"}, {"a", "/a2"}, {"b", "/b"}, {"c", "/c"}}
	if got := l.runs(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// fakeEngine answers as an engine would that has one container, one network
// and one volume. Each may refuse to be removed for a while; as with the real
// one, a network is in use while there is a container.
type fakeEngine struct {
	mu      sync.Mutex
	refuse  map[string]int // by kind: how many removals are still refused
	there   map[string]bool
	filters []string
	log     []string
}

func newFakeEngine() *fakeEngine {
	return &fakeEngine{refuse: map[string]int{}, there: map[string]bool{"containers": true, "networks": true, "volumes": true}}
}

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kind := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1.41"), "/")[1]
	if r.Method == http.MethodDelete {
		f.remove(w, kind)
		return
	}
	f.filters = append(f.filters, r.URL.Query().Get("filters"))
	labels := map[string]string{labelRun: "r1", labelFolder: "/r1"}
	var all []map[string]any
	if f.there[kind] {
		all = append(all, map[string]any{"Id": "x", "Name": "x", "Labels": labels})
	}
	var body any = all
	if kind == "volumes" {
		body = map[string]any{"Volumes": all}
	}
	_ = json.NewEncoder(w).Encode(body)
}

func (f *fakeEngine) remove(w http.ResponseWriter, kind string) {
	f.log = append(f.log, kind)
	switch {
	case f.refuse[kind] > 0 || kind != "containers" && f.there["containers"]:
		f.refuse[kind]--
		w.WriteHeader(http.StatusConflict)
	case !f.there[kind]:
		w.WriteHeader(http.StatusNotFound)
	default:
		f.there[kind] = false
		w.WriteHeader(http.StatusNoContent)
	}
}

func (f *fakeEngine) client(t *testing.T) *client.Client {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	engine, err := client.NewClientWithOpts(client.WithHost("tcp://"+strings.TrimPrefix(server.URL, "http://")), client.WithVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	return engine
}

func TestRemove(t *testing.T) {
	for _, refused := range []string{"nothing", "containers", "networks", "volumes"} {
		t.Run(refused+" refused once", func(t *testing.T) {
			fake := newFakeEngine()
			fake.refuse[refused] = 1
			if err := remove(t.Context(), fake.client(t), "r1", "/r1"); err != nil {
				t.Fatal(err)
			}
			if fake.there["containers"] || fake.there["networks"] || fake.there["volumes"] {
				t.Errorf("still there: %v", fake.there)
			}
			for _, f := range fake.filters {
				if !strings.Contains(f, "partita.run=r1") || !strings.Contains(f, "partita.folder=/r1") {
					t.Errorf("asked for more than the run's: %s", f)
				}
			}
		})
	}
	t.Run("given up when the context ends", func(t *testing.T) {
		fake := newFakeEngine()
		fake.refuse["networks"] = 1000
		ctx, cancel := context.WithTimeout(t.Context(), 3*removeAgain)
		defer cancel()
		if err := remove(ctx, fake.client(t), "r1", "/r1"); err == nil || !fake.there["networks"] {
			t.Errorf("error %v, there %v", err, fake.there)
		}
	})
}

// A sweep spares a live run, and holds the lock of a dead one while it removes.
func TestSweepRun(t *testing.T) {
	folder := t.TempDir()
	live, err := Lock(folder)
	if err != nil {
		t.Fatal(err)
	}
	fake := newFakeEngine()
	engine := fake.client(t)
	if swept, err := sweepRun(t.Context(), engine, owner{"r1", folder}); swept || err != nil || len(fake.log) > 0 {
		t.Errorf("live: swept %v, error %v, removed %v", swept, err, fake.log)
	}
	if err := live.Unlock(); err != nil {
		t.Fatal(err)
	}
	if swept, err := sweepRun(t.Context(), engine, owner{"r1", folder}); !swept || err != nil || len(fake.log) != 3 {
		t.Errorf("dead: swept %v, error %v, removed %v", swept, err, fake.log)
	}
	if _, err := os.Stat(folder); err != nil {
		t.Errorf("a sweep leaves the run's folder alone: %v", err)
	}
	after, err := Lock(folder)
	if err != nil {
		t.Fatalf("a sweep gives the lock up again: %v", err)
	}
	if err := after.Unlock(); err != nil {
		t.Error(err)
	}
}
