package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"partita/raft/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long anything may take before a test fails.
const patience = 10 * time.Second

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func start(t *testing.T, opts Options) *TCP {
	t.Helper()
	if opts.PeerSilence == 0 {
		opts.PeerSilence = time.Second
	}
	tcp, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tcp.Close() })
	return tcp
}

// pair is two members that know each other.
func pair(t *testing.T) (a, b *TCP) {
	t.Helper()
	la, lb := listen(t), listen(t)
	peers := map[core.NodeID]string{1: la.Addr().String(), 2: lb.Addr().String()}
	return start(t, Options{Self: 1, Listener: la, Peers: peers}), start(t, Options{Self: 2, Listener: lb, Peers: peers})
}

func receive(t *testing.T, tcp *TCP) core.Envelope {
	t.Helper()
	select {
	case e := <-tcp.Receive():
		return e
	case <-time.After(patience):
		t.Fatal("no message came")
		panic("unreachable")
	}
}

// eventually tries until it succeeds.
func eventually(t *testing.T, what string, try func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !try() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}

func heartbeat(round uint64) core.Envelope {
	return core.Envelope{From: 1, To: 2, Term: 5, Message: core.Heartbeat{Round: round}}
}

func TestEveryKindArrivesInOrder(t *testing.T) {
	a, b := pair(t)
	var want, got []core.Envelope
	for _, e := range samples() {
		if _, ok := e.Message.(core.InstallSnapshot); ok {
			continue // goes over a connection of its own
		}
		want = append(want, e)
		a.Send(e)
	}
	for range want {
		got = append(got, receive(t, b))
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// One direction carries nothing back; the other has its own connection.
	b.Send(core.Envelope{From: 2, To: 1, Term: 5, Message: core.HeartbeatReply{Round: 1}})
	if e := receive(t, a); e.From != 2 {
		t.Errorf("got %+v", e)
	}
	eventually(t, "all counted", func() bool { return a.Counters().Peers[0].Sent == uint64(len(want)) })
	if c := b.Counters().Peers[0]; c.ID != 1 || c.Received != uint64(len(want)) || c.ReceivedBytes == 0 {
		t.Errorf("the receiver counts %+v", c)
	}
}

// accept takes the next connection to a listener that is played by the test.
func accept(t *testing.T, l net.Listener, want stream) net.Conn {
	t.Helper()
	l.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(patience))
	h, err := readHello(conn)
	if err != nil || h.stream != want || h.from != 1 || h.to != 2 {
		t.Fatalf("hello %+v, %v", h, err)
	}
	return conn
}

func TestRedialsWhenTheListenerIsBack(t *testing.T) {
	la, lb := listen(t), listen(t)
	addr := lb.Addr().String()
	peers := map[core.NodeID]string{1: la.Addr().String(), 2: addr}
	a := start(t, Options{Self: 1, Listener: la, Peers: peers})
	b := start(t, Options{Self: 2, Listener: lb, Peers: peers})
	a.Send(heartbeat(1))
	receive(t, b)
	b.Close()
	eventually(t, "the loss is noticed though nothing was sent", func() bool { return !a.Counters().Peers[0].Connected })
	again := start(t, Options{Self: 2, Listen: addr, Peers: peers})
	eventually(t, "messages arrive again", func() bool {
		a.Send(heartbeat(2))
		select {
		case <-again.Receive():
			return true
		default:
			return false
		}
	})
	if c := a.Counters().Peers[0]; c.Redials == 0 {
		t.Errorf("no redial counted: %+v", c)
	}
}

// TestRedialThrowsOldFramesAway: what was queued for a connection that is no
// more does not reach the peer after a redial.
func TestRedialThrowsOldFramesAway(t *testing.T) {
	l, la := listen(t), listen(t)
	a := start(t, Options{
		Self: 1, Listener: la, Peers: map[core.NodeID]string{2: l.Addr().String()},
		PeerSilence: 200 * time.Millisecond, QueueLimit: 64,
	})
	first := accept(t, l, ordinaryStream) // never read: the peer is silent
	long := core.Envelope{From: 1, To: 2, Message: core.Forward{Commands: [][]byte{make([]byte, 1<<20)}}}
	eventually(t, "the queue is full behind a connection that takes nothing", func() bool {
		a.Send(long)
		return a.Counters().Peers[0].Dropped > 0
	})
	second := accept(t, l, ordinaryStream)
	first.Close()
	eventually(t, "connected again", func() bool { return a.Counters().Peers[0].Connected })
	a.Send(heartbeat(7))
	payload, err := readFrame(second, 4<<20, still)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := Decode(payload); err != nil || !reflect.DeepEqual(e, heartbeat(7)) {
		t.Errorf("after the redial %T came first (%v)", e.Message, err)
	}
	if c := a.Counters().Peers[0]; c.Dropped < 64 {
		t.Errorf("%d messages counted as dropped, want the queue's 64 at least", c.Dropped)
	}
}

// TestPeerThatShowsUpIsDialledAtOnce: whoever connects to us need not wait
// for our back-off.
func TestPeerThatShowsUpIsDialledAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(Options{}, 2)
		for _, greeted := range []bool{false, true} {
			if greeted {
				p.greet()
				p.greet() // one answer is enough
			}
			began := time.Now()
			if !p.rest(t.Context(), time.Hour) || (time.Since(began) == 0) != greeted {
				t.Errorf("greeted %v: dialled after %v", greeted, time.Since(began))
			}
		}
	})
}

func TestFullQueueDropsAndCounts(t *testing.T) {
	p := newPeer(Options{QueueLimit: 2, Peers: map[core.NodeID]string{2: ""}}, 2)
	for round := range uint64(5) {
		p.send(heartbeat(round))
	}
	for range chunkLimit + 1 {
		p.send(core.Envelope{To: 2, Message: core.InstallSnapshot{}})
	}
	if c := p.counters(); c.Dropped != 4 {
		t.Errorf("%d dropped, want three heartbeats and a chunk", c.Dropped)
	}
	if first := <-p.queue; !reflect.DeepEqual(first, heartbeat(0)) {
		t.Errorf("the oldest was dropped, %+v is first", first)
	}
}

func TestSendToNobodyIsLost(t *testing.T) {
	a, _ := pair(t)
	a.Send(core.Envelope{From: 1, To: 9, Message: core.Heartbeat{}})
	if c := a.Counters().Peers[0]; c.Sent+c.Dropped != 0 {
		t.Errorf("counted for another peer: %+v", c)
	}
}

func TestTooLongMessageIsDroppedAndTheRestGoesOn(t *testing.T) {
	la, lb := listen(t), listen(t)
	peers := map[core.NodeID]string{1: la.Addr().String(), 2: lb.Addr().String()}
	a := start(t, Options{Self: 1, Listener: la, Peers: peers, MaxFrame: 1000})
	b := start(t, Options{Self: 2, Listener: lb, Peers: peers, MaxFrame: 1000})
	a.Send(core.Envelope{From: 1, To: 2, Message: core.Forward{Commands: [][]byte{make([]byte, 2000)}}})
	a.Send(heartbeat(1))
	if e := receive(t, b); !reflect.DeepEqual(e, heartbeat(1)) {
		t.Errorf("got %+v", e)
	}
	if c := a.Counters().Peers[0]; c.Dropped != 1 {
		t.Errorf("%d dropped, want 1", c.Dropped)
	}
}

func TestHostileConnectionsAreClosedAndCounted(t *testing.T) {
	good := hello{ordinaryStream, 7, 1, 2}
	framed := func(e core.Envelope) []byte {
		b, err := appendFrame(good.encode(), e, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	badSum := framed(heartbeat(1))
	badSum[len(badSum)-1] ^= 1
	malformed := binary.LittleEndian.AppendUint32(good.encode(), 1)
	malformed = binary.LittleEndian.AppendUint32(malformed, frameChecksum([]byte{1, 0, 0, 0}, []byte{99}))
	malformed = append(malformed, 99)
	tests := []struct {
		name string
		says []byte
	}{
		{"no hello at all", bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), 10)},
		{"another cluster", hello{ordinaryStream, 8, 1, 2}.encode()},
		{"for another member", hello{ordinaryStream, 7, 1, 3}.encode()},
		{"from a stranger", hello{ordinaryStream, 7, 9, 2}.encode()},
		{"from the listener itself", hello{ordinaryStream, 7, 2, 2}.encode()},
		{"a frame of 4 GiB", append(good.encode(), bytes.Repeat([]byte{0xff}, 8)...)},
		{"a wrong checksum", badSum},
		{"a payload that is no envelope", malformed},
		{"another sender than the hello's", framed(core.Envelope{From: 3, To: 2, Message: core.Heartbeat{}})},
		{"another receiver", framed(core.Envelope{From: 1, To: 3, Message: core.Heartbeat{}})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lb := listen(t)
			b := start(t, Options{Cluster: 7, Self: 2, Listener: lb, Peers: map[core.NodeID]string{1: "127.0.0.1:1", 2: ""}})
			conn, err := net.Dial("tcp", lb.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(patience))
			if _, err := conn.Write(test.says); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Read(make([]byte, 1)); err == nil || isTimeout(err) {
				t.Errorf("the connection stays open: %v", err)
			}
			eventually(t, "refused once", func() bool { return b.Counters().Refused == 1 })
			select {
			case e := <-b.Receive():
				t.Errorf("%+v was delivered", e)
			default:
			}
		})
	}
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

func TestSilentConnectionsAreLimited(t *testing.T) {
	lb := listen(t)
	b := start(t, Options{Self: 2, Listener: lb, Peers: map[core.NodeID]string{1: "127.0.0.1:1"}})
	for range 4 + spareInbound + 1 {
		conn, err := net.Dial("tcp", lb.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	eventually(t, "one too many is refused", func() bool { return b.Counters().Refused >= 1 })
	eventually(t, "those that say nothing are refused in time", func() bool { return b.Counters().Refused == 4+spareInbound+1 })
}

func TestOptionsValidate(t *testing.T) {
	good := func() Options {
		return Options{Self: 1, Listen: "127.0.0.1:0", PeerSilence: time.Second}
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		spoil func(*Options)
	}{
		{"no self", func(o *Options) { o.Self = 0 }},
		{"nowhere to listen", func(o *Options) { o.Listen = "" }},
		{"no peer silence", func(o *Options) { o.PeerSilence = 0 }},
		{"dials too long", func(o *Options) { o.DialTimeout = 2 * time.Second }},
		{"backs off too long", func(o *Options) { o.BackoffMax = 2 * time.Second }},
		{"negative queue", func(o *Options) { o.QueueLimit = -1 }},
		{"frames past 1 GiB", func(o *Options) { o.MaxFrame = 1<<30 + 1 }},
		{"a peer without a name", func(o *Options) { o.Peers = map[core.NodeID]string{0: ""} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := good()
			test.spoil(&o)
			if tcp, err := New(o); err == nil {
				tcp.Close()
				t.Error("accepted")
			}
		})
	}
}
