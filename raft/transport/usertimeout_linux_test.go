package transport

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"partita/raft/core"
)

func TestDialledConnectionsHaveTheUserTimeout(t *testing.T) {
	l := listen(t)
	opts := Options{Self: 1, Peers: map[core.NodeID]string{2: l.Addr().String()}, PeerSilence: 1234 * time.Millisecond}.withDefaults()
	conn, err := newPeer(opts, 2).dial(t.Context(), ordinaryStream)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var got int
	var failed error
	if err := raw.Control(func(fd uintptr) {
		got, failed = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
	}); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	if got != 1234 {
		t.Errorf("TCP_USER_TIMEOUT is %d ms, want 1234", got)
	}
}
