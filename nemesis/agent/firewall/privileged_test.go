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
	defer unix.Close(fd)
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

// datagram sends from one node to a port of n1 and says whether it arrived
// within the time, which a datagram on loopback does at once or never.
func (w world) datagram(from string, to *net.UDPConn) bool {
	w.t.Helper()
	source := &net.UDPAddr{IP: w.peers.Addresses[from].AsSlice()}
	conn, err := net.DialUDP("udp", source, to.LocalAddr().(*net.UDPAddr))
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(from)); err != nil {
		w.t.Fatal(err)
	}
	// What passes INPUT is in the socket's queue before Write returns.
	if err := to.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
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
func (w world) connects(from string, to net.Addr) bool {
	w.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: w.peers.Addresses[from].AsSlice()}, Timeout: 100 * time.Millisecond}
	conn, err := dialer.Dial("tcp", to.String())
	if err != nil {
		return false
	}
	conn.Close()
	return true
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
	listen := func(address string) net.Listener {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	udp := func(port int) *net.UDPConn {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	peer, client, probe, other := listen("127.0.0.1:7001"), listen("127.0.0.1:7003"), udp(7002), udp(7004)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, binary := range []string{"iptables-nft", "iptables-legacy"} {
		path, err := exec.LookPath(binary)
		if err != nil {
			t.Fatal(err)
		}
		foreign(ctx, t, owner, path)
		c := New(w.peers, owner.Run, []string{path})
		var before uint64
		for _, step := range []struct {
			name  string
			rules []wire.Rule
			// what reaches n1 of n2: the peer port, the client port, probes, other datagrams
			peer, client, probe, other bool
		}{
			{"no rule", nil, true, true, true, true},
			{"full", []wire.Rule{{From: "n2"}}, false, false, false, false},
			{"another's", []wire.Rule{{From: "n3"}}, true, true, true, true},
			{"one way", []wire.Rule{{From: "n3"}, {From: "n2", OneWay: true}}, false, true, false, true},
			{"healed", nil, true, true, true, true},
		} {
			if err := c.Set(ctx, step.rules); err != nil {
				t.Fatalf("%s: %s: %v", binary, step.name, err)
			}
			got := []bool{w.connects("n2", peer.Addr()), w.connects("n2", client.Addr()), w.datagram("n2", probe), w.datagram("n2", other)}
			want := []bool{step.peer, step.client, step.probe, step.other}
			for i, what := range []string{"the peer port", "the client port", "probes", "other datagrams"} {
				if got[i] != want[i] {
					t.Errorf("%s: %s: %s reached: %v, want %v", binary, step.name, what, got[i], want[i])
				}
			}
			if !w.connects("n1", client.Addr()) {
				t.Errorf("%s: %s: who is no peer is cut off", binary, step.name)
			}
			rules, dropped, err := c.Read(ctx)
			if err != nil || len(rules) != len(step.rules) {
				t.Fatalf("%s: %s: rules %+v, %v", binary, step.name, rules, err)
			}
			var inForce uint64
			for i, r := range rules {
				cut := r.Rule.From == "n2"
				if r.Rule != step.rules[i] || (r.Probes == 1) != cut || (r.Node > 0) != cut {
					t.Errorf("%s: %s: rule %+v", binary, step.name, r)
				}
				inForce += r.Node
			}
			if dropped < before+inForce {
				t.Errorf("%s: %s: %d packets dropped in all, had %d and %d more", binary, step.name, dropped, before, inForce)
			}
			before = dropped
		}
		again := New(w.peers, owner.Run, []string{path})
		if err := again.Setup(ctx); err != nil {
			t.Fatal(err)
		}
		out, err := owner.Run(ctx, path, []string{"-S"}, nil)
		if err != nil || strings.Count(string(out), "-j PARTITA") != 1 || !strings.Contains(string(out), "-A INPUT -j PARTITA\n-A INPUT -s 192.0.2.1/32 -j DROP\n-A OTHER -j RETURN\n") {
			t.Errorf("%s: the table afterwards, %v:\n%s", binary, err, out)
		}
		// The next variant must not meet this one's rules.
		for _, args := range [][]string{{"-F"}, {"-X"}} {
			if _, err := owner.Run(ctx, path, args, nil); err != nil {
				t.Fatal(err)
			}
		}
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
