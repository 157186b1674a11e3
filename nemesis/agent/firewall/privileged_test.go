//go:build privileged

package firewall

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"partita/nemesis/agent/children"
	"partita/nemesis/wire"
)

// namespaceVariable marks the run of this test binary that lives in a network
// namespace of its own.
const namespaceVariable = "PARTITA_FIREWALL_NAMESPACE"

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

// up brings the namespace's loopback up.
func up(t *testing.T) {
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

// world is loopback addresses as nodes: n1 is the receiver.
type world struct {
	t     *testing.T
	peers Peers
}

// patience is how long to wait for what is expected to arrive, or not to.
func patience(expected bool) time.Duration {
	if expected {
		return 10 * time.Second
	}
	return 50 * time.Millisecond
}

// datagram sends from one node to a port of n1 and says whether it arrived.
func (w world) datagram(from string, to *net.UDPConn, expected bool) bool {
	w.t.Helper()
	source := &net.UDPAddr{IP: w.peers.Addresses[from].AsSlice()}
	conn, err := net.DialUDP("udp", source, to.LocalAddr().(*net.UDPAddr))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte(from)); err != nil {
		w.t.Fatal(err)
	}
	if err := to.SetReadDeadline(time.Now().Add(patience(expected))); err != nil {
		w.t.Fatal(err)
	}
	b := make([]byte, 64)
	n, err := to.Read(b)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		w.t.Fatal(err)
	}
	return err == nil && string(b[:n]) == from
}

// connects says whether a TCP connection from a node to n1 comes about.
func (w world) connects(from string, to net.Addr, expected bool) bool {
	w.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: w.peers.Addresses[from].AsSlice()}, Timeout: patience(expected)}
	conn, err := dialer.Dial("tcp", to.String())
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// ports is what listens on n1.
type ports struct {
	peer, client net.Listener
	probe, other *net.UDPConn
}

func (w world) listen() (p ports) {
	w.t.Helper()
	tcp := func(port int) net.Listener {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { _ = l.Close() })
		return l
	}
	udp := func(port int) *net.UDPConn {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { _ = c.Close() })
		return c
	}
	return ports{tcp(w.peers.PeerPort), tcp(0), udp(w.peers.ProbePort), udp(0)}
}

// reach is what of n2 reaches n1.
type reach struct{ peer, client, probe, other bool }

// reaches tries all four, each with patience where it is expected to arrive.
func (w world) reaches(from string, p ports, want reach) reach {
	w.t.Helper()
	return reach{
		peer:   w.connects(from, p.peer.Addr(), want.peer),
		client: w.connects(from, p.client.Addr(), want.client),
		probe:  w.datagram(from, p.probe, want.probe),
		other:  w.datagram(from, p.other, want.other),
	}
}

// steps are rules one after the other, and what of n2 then reaches n1.
var steps = []struct {
	name  string
	rules []wire.Rule
	want  reach
}{
	{"no rule", nil, reach{true, true, true, true}},
	{"full", []wire.Rule{{From: "n2"}}, reach{}},
	{"another's", []wire.Rule{{From: "n3"}}, reach{true, true, true, true}},
	{"one way", []wire.Rule{{From: "n3"}, {From: "n2", OneWay: true}}, reach{false, true, false, true}},
	{"healed", nil, reach{true, true, true, true}},
}

func TestPacketsAreDroppedAndCounted(t *testing.T) {
	up(t)
	owner, err := children.New()
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	w := world{t, Peers{Self: "n1", PeerPort: 7001, ProbePort: 7002, Addresses: map[string]netip.Addr{
		"n1": netip.MustParseAddr("127.0.0.1"), "n2": netip.MustParseAddr("127.0.0.2"), "n3": netip.MustParseAddr("127.0.0.3")}}}
	p := w.listen()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, variant := range []string{"iptables-nft", "iptables-legacy"} {
		path, err := exec.LookPath(variant)
		if err != nil {
			t.Fatal(err)
		}
		foreign(ctx, t, owner, path)
		w.walk(ctx, variant, New(w.peers, owner.Run, []string{path}), p)
		again := New(w.peers, owner.Run, []string{path})
		if err := again.Setup(ctx); err != nil {
			t.Fatal(err)
		}
		out, err := owner.Run(ctx, path, []string{"-S"}, nil)
		if err != nil || strings.Count(string(out), "-j PARTITA") != 1 || !strings.Contains(string(out), "-A INPUT -j PARTITA\n-A INPUT -s 192.0.2.1/32 -j DROP\n-A OTHER -j RETURN\n") {
			t.Errorf("%s: the table afterwards, %v:\n%s", variant, err, out)
		}
		// The next variant must not meet this one's rules.
		for _, args := range [][]string{{"-F"}, {"-X"}} {
			if _, err := owner.Run(ctx, path, args, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// walk goes through the steps.
func (w world) walk(ctx context.Context, variant string, c *Chain, p ports) {
	var before uint64
	for _, step := range steps {
		if err := c.Set(ctx, step.rules); err != nil {
			w.t.Fatalf("%s: %s: %v", variant, step.name, err)
		}
		if got := w.reaches("n2", p, step.want); got != step.want {
			w.t.Errorf("%s: %s: of n2 there reaches n1 %+v, want %+v", variant, step.name, got, step.want)
		}
		if !w.connects("n1", p.client.Addr(), true) {
			w.t.Errorf("%s: %s: who is no peer is cut off", variant, step.name)
		}
		rules, dropped, err := c.Read(ctx)
		if err != nil || len(rules) != len(step.rules) {
			w.t.Fatalf("%s: %s: rules %+v, %v", variant, step.name, rules, err)
		}
		var inForce uint64
		for i, r := range rules {
			cut := r.Rule.From == "n2"
			if r.Rule != step.rules[i] || (r.Probes == 1) != cut || (r.Node > 0) != cut {
				w.t.Errorf("%s: %s: rule %+v", variant, step.name, r)
			}
			inForce += r.Node
		}
		if dropped < before+inForce {
			w.t.Errorf("%s: %s: %d packets dropped in all, had %d and %d more", variant, step.name, dropped, before, inForce)
		}
		before = dropped
	}
}

// foreign puts rules there that are not ours, to see them untouched.
func foreign(ctx context.Context, t *testing.T, owner *children.Owner, path string) {
	t.Helper()
	for _, args := range [][]string{
		{"-N", "OTHER"}, {"-A", "OTHER", "-j", "RETURN"}, {"-A", "INPUT", "-s", "192.0.2.1", "-j", "DROP"},
	} {
		if _, err := owner.Run(ctx, path, args, nil); err != nil {
			t.Fatal(err)
		}
	}
}
