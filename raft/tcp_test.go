package raft_test

import (
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"partita/raft"
	"partita/raft/core"
	"partita/raft/transport"
	"partita/raft/wal"
)

// tcpMember is a member over the real network and the real disk. It sends on
// committed every entry that it applies.
type tcpMember struct {
	*raft.Raft
	committed sync.Map // core.Index -> chan core.Term with room for one
}

// waiter is where the term of the entry at an index is told.
func (m *tcpMember) waiter(index core.Index) chan core.Term {
	ch, _ := m.committed.LoadOrStore(index, make(chan core.Term, 1))
	return ch.(chan core.Term)
}

func (m *tcpMember) apply(applied <-chan raft.ApplyMsg) {
	for msg := range applied {
		for _, e := range msg.Entries {
			m.waiter(e.Index) <- e.Term
		}
	}
}

// write proposes a command and waits until it is applied here.
func (m *tcpMember) write(tb testing.TB, command []byte) {
	for {
		at, err := m.Propose(tb.Context(), command)
		if raft.Definite(err) {
			<-time.After(10 * time.Millisecond)
			continue
		}
		if err != nil {
			tb.Error(err)
			return
		}
		if term := <-m.waiter(at.Index); term != at.Term {
			tb.Errorf("entry %d is of term %d, want %d", at.Index, term, at.Term)
		}
		return
	}
}

// startTCP starts three members on loopback.
func startTCP(tb testing.TB) []*tcpMember {
	tb.Helper()
	voters := []core.NodeID{1, 2, 3}
	peers := map[core.NodeID]string{}
	listeners := map[core.NodeID]net.Listener{}
	for _, id := range voters {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		listeners[id], peers[id] = l, l.Addr().String()
	}
	var members []*tcpMember
	dir := tb.TempDir()
	for _, id := range voters {
		tcp, err := transport.New(transport.Options{Self: id, Listener: listeners[id], Peers: peers, PeerSilence: 2 * time.Second})
		if err != nil {
			tb.Fatal(err)
		}
		log, err := wal.Open(wal.OS{}, filepath.Join(dir, fmt.Sprint(id)), wal.Options{})
		if err != nil {
			tb.Fatal(err)
		}
		applied, m := make(chan raft.ApplyMsg, 16), &tcpMember{}
		if m.Raft, err = raft.Make(raft.DefaultConfig(id, voters), log, tcp, applied); err != nil {
			tb.Fatal(err)
		}
		var running sync.WaitGroup
		running.Go(func() { m.apply(applied) })
		tb.Cleanup(func() { m.Stop(); running.Wait() })
		members = append(members, m)
	}
	return members
}

// TestOverTCPAndDisk: the real transport and the real log, written to and
// read from on every member.
func TestOverTCPAndDisk(t *testing.T) {
	members := startTCP(t)
	var writers sync.WaitGroup
	for _, m := range members {
		for w := range 8 {
			writers.Go(func() {
				for i := range 10 {
					m.write(t, []byte(fmt.Sprint(w, i)))
				}
			})
		}
	}
	writers.Wait()
	for _, m := range members {
		if index, err := m.ReadIndex(t.Context()); err != nil || index < 3*8*10 {
			t.Errorf("a read at %d (%v) after 240 writes", index, err)
		}
	}
}

// BenchmarkWrite is group commit at work: many writers at the leader of three
// members, each waiting for its entry to be applied.
func BenchmarkWrite(b *testing.B) {
	members := startTCP(b)
	members[0].write(b, []byte("first"))
	leader := members[members[0].Status().Leader-1]
	command := make([]byte, 128)
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			leader.write(b, command)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
	b.ReportMetric(float64(leader.Counters().Entries)/float64(leader.Counters().Appends), "entries/sync")
}

// BenchmarkReadIndex is the same for linearizable reads.
func BenchmarkReadIndex(b *testing.B) {
	members := startTCP(b)
	members[0].write(b, []byte("first"))
	leader := members[members[0].Status().Leader-1]
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := leader.ReadIndex(b.Context()); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
}
