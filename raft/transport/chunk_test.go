package transport

import (
	"bytes"
	"net"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"partita/raft/core"
)

// piece is one of a snapshot's, with size bytes of data.
func piece(number uint64, size int) core.Envelope {
	return core.Envelope{From: 1, To: 2, Term: 5, Message: core.InstallSnapshot{
		Snapshot: core.SnapshotMeta{Index: 9, Term: 4}, Members: core.Membership{Voters: []core.NodeID{1, 2}},
		Offset: number * uint64(size), Data: bytes.Repeat([]byte{byte(number)}, size),
	}}
}

// expect reads one frame from a connection that is played by the test.
func expect(t *testing.T, conn net.Conn, want core.Envelope) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(patience))
	payload, err := readFrame(conn, 1<<30, still)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := Decode(payload); err != nil || !reflect.DeepEqual(e, want) {
		t.Fatalf("got %+v, %v; want %T", e, err, want.Message)
	}
}

func TestSnapshotLargerThanAnyFrameArrivesInPieces(t *testing.T) {
	la, lb := listen(t), listen(t)
	peers := map[core.NodeID]string{1: la.Addr().String(), 2: lb.Addr().String()}
	const size = 32 << 10
	limit := size + FrameSlack
	a := start(t, Options{Self: 1, Listener: la, Peers: peers, MaxFrame: limit})
	b := start(t, Options{Self: 2, Listener: lb, Peers: peers, MaxFrame: limit})
	for number := range uint64(20) {
		a.Send(piece(number, size))
		if got := receive(t, b); !reflect.DeepEqual(got, piece(number, size)) {
			t.Fatalf("another piece arrived than the one of number %d", number)
		}
	}
	eventually(t, "the pieces are counted as sent", func() bool { return a.Counters().Peers[0].Sent == 20 })
	if c := a.Counters().Peers[0]; c.Dropped != 0 {
		t.Errorf("%d messages dropped", c.Dropped)
	}
}

func TestSlackHoldsTheLargestConfiguration(t *testing.T) {
	largest := core.Membership{}
	for id := range core.NodeID(core.MaxMembers) {
		largest.Voters = append(largest.Voters, 1<<64-core.MaxMembers+id)
	}
	largest.Outgoing = largest.Voters
	e := core.Envelope{From: 1, To: 2, Message: core.InstallSnapshot{Members: largest, Data: make([]byte, 1000)}}
	if _, err := appendFrame(nil, e, 1000+FrameSlack); err != nil {
		t.Fatal(err)
	}
}

// TestPiecesShareAConnection: it is opened once, and once more after it broke.
func TestPiecesShareAConnection(t *testing.T) {
	l, la := listen(t), listen(t)
	a := start(t, Options{Self: 1, Listener: la, Peers: map[core.NodeID]string{2: l.Addr().String()}})
	accept(t, l, ordinaryStream)
	a.Send(piece(0, 100))
	first := accept(t, l, chunkStream)
	expect(t, first, piece(0, 100))
	for number := range uint64(3) {
		a.Send(piece(number, 100))
		expect(t, first, piece(number, 100))
	}
	first.Close()
	// What is sent before the loss is noticed may go with the connection.
	l.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	again := make(chan net.Conn, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		again <- conn
	}()
	var second net.Conn
	eventually(t, "a connection is opened again", func() bool {
		a.Send(piece(7, 100))
		select {
		case second = <-again:
			return true
		default:
			return false
		}
	})
	if second == nil {
		return
	}
	defer second.Close()
	second.SetReadDeadline(time.Now().Add(patience))
	if h, err := readHello(second); err != nil || h.stream != chunkStream {
		t.Fatalf("hello %+v, %v", h, err)
	}
	expect(t, second, piece(7, 100))
}

// TestChunkDoesNotDelayHeartbeats: the peer takes nothing of a chunk too large
// for any buffer, and still every heartbeat sent after it arrives.
func TestChunkDoesNotDelayHeartbeats(t *testing.T) {
	l, la := listen(t), listen(t)
	a := start(t, Options{
		Self: 1, Listener: la, Peers: map[core.NodeID]string{2: l.Addr().String()},
		PeerSilence: time.Minute, MaxFrame: 128 << 20,
	})
	ordinary := accept(t, l, ordinaryStream)
	a.Send(piece(0, 64<<20))
	accept(t, l, chunkStream) // open, and never read
	for round := range uint64(100) {
		a.Send(heartbeat(round))
		expect(t, ordinary, heartbeat(round))
	}
	// A message is counted after it was written, so the last may lag.
	eventually(t, "the heartbeats are counted", func() bool { return a.Counters().Peers[0].Sent >= 100 })
	if c := a.Counters().Peers[0]; c.Sent != 100 {
		t.Errorf("%d messages sent, want the heartbeats alone", c.Sent)
	}
}

func TestPieceForNobodyThereIsLost(t *testing.T) {
	la, lb := listen(t), listen(t)
	lb.Close()
	a := start(t, Options{Self: 1, Listener: la, Peers: map[core.NodeID]string{2: lb.Addr().String()}})
	a.Send(piece(0, 100))
	eventually(t, "the piece is counted as dropped", func() bool { return a.Counters().Peers[0].Dropped == 1 })
}

// TestIdleConnectionIsClosed: chunkIdle after the last piece, not the first.
func TestIdleConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		p := newPeer(Options{PeerSilence: time.Second, QueueLimit: 1, MaxFrame: 1 << 20}.withDefaults(), 2)
		began, ended := time.Now(), make(chan error, 1)
		go func() { ended <- p.streamChunks(t.Context(), ours, piece(0, 100)) }()
		expect(t, theirs, piece(0, 100))
		time.Sleep(chunkIdle - time.Second) // the bubble's clock
		p.send(piece(1, 100))
		expect(t, theirs, piece(1, 100))
		if err := <-ended; err != nil {
			t.Errorf("an idle connection ended with %v", err)
		}
		if lasted := time.Since(began); lasted != 2*chunkIdle-time.Second {
			t.Errorf("open for %v", lasted)
		}
		theirs.SetReadDeadline(time.Time{})
		if n, err := theirs.Read(make([]byte, 1)); err == nil {
			t.Errorf("%d bytes after the end", n)
		}
	})
}
