//go:build privileged

package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"partita/nemesis/agent/mono"
	"partita/nemesis/wire"
)

// nobody is the user that the node runs as here.
const nobody = 65534

// public copies the test binary to where every user can execute it.
func public(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "partita-supervisor-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	path := filepath.Join(folder, "node")
	for _, err := range []error{os.Chmod(folder, 0o755), os.WriteFile(path, binary, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestNodeHasNoPrivileges(t *testing.T) {
	path := public(t)
	r := supervise(t, "clock", func(o *Options) {
		o.Command, o.UID, o.Clocks = []string{path}, nobody, true
	})
	r.must("skew", r.Skew(r.ctx, wire.Clock{Realtime: &wire.Skew{Offset: 3600 * second, Rate: 1}}))
	r.must("start", r.Start(r.ctx))
	r.shows(r.lastReading(0))
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.PID()))
	r.must("read its status", err)
	const none = "0000000000000000"
	for _, want := range []string{
		"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534", "Groups:\t \n", "NoNewPrivs:\t1", "TracerPid:\t0\n",
		"CapInh:\t" + none, "CapPrm:\t" + none, "CapEff:\t" + none, "CapAmb:\t" + none,
	} {
		if !strings.Contains(string(status), want) {
			t.Errorf("its status lacks %q:\n%s", want, status)
		}
	}
	r.must("skew live", r.Skew(r.ctx, wire.Clock{Realtime: &wire.Skew{Offset: -second, Rate: 0.5}}))
	r.shows(r.lastReading(mono.Now()))
	r.must("kill", r.Kill(r.ctx))
}

func TestOwnGivesAway(t *testing.T) {
	folder := t.TempDir()
	inside := filepath.Join(folder, "raft")
	for _, err := range []error{os.Mkdir(inside, 0o700), os.WriteFile(filepath.Join(inside, "wal"), nil, 0o600),
		os.Symlink("/etc/passwd", filepath.Join(folder, "link"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := Own(folder, nobody); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{folder, inside, filepath.Join(inside, "wal"), filepath.Join(folder, "link")} {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if stat := info.Sys().(*syscall.Stat_t); stat.Uid != nobody || stat.Gid != nobody {
			t.Errorf("%s belongs to %d:%d", path, stat.Uid, stat.Gid)
		}
	}
	if info, err := os.Stat("/etc/passwd"); err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("what a link points to was given away: %v", err)
	}
}
