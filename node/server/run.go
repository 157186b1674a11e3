package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"partita/node/api"
	"partita/node/kv"
	"partita/node/service"
	"partita/raft"
	"partita/raft/core"
	"partita/raft/transport"
	"partita/raft/wal"
)

// ErrStorage is wrapped by the error that Run returns after the disk failed
// or held something corrupt. The node must not go on with what it has.
var ErrStorage = errors.New("storage failure")

// How long a stopping node lets what waits go on, and how long it then gives
// the last answers to leave.
const (
	drainTime  = time.Second
	lastAnswer = time.Second
)

// Limits of the HTTP server.
const (
	headerTimeout  = 5 * time.Second
	readTimeout    = 15 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
)

// applyQueue is how many batches of committed entries may wait for the owner;
// then Raft stops handing them over.
const applyQueue = 16

// Run is a node's life. It ends with nil after ctx is done and what waited was
// answered, and with an error if it cannot start or go on.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	n, err := start(cfg)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		cfg.Logger.Info("stopping")
		n.stop(drainTime)
		return n.storageError()
	case <-n.raft.Failed():
		n.stop(0)
		return n.storageError()
	case err := <-n.owner.failed:
		n.stop(0)
		return fmt.Errorf("%w: %w", ErrStorage, err)
	case err := <-n.served:
		n.stop(0)
		return fmt.Errorf("serve clients: %w", err)
	}
}

// node is one that runs.
type node struct {
	cfg     Config
	names   roster
	started time.Time
	raft    *raft.Raft
	owner   *owner
	changes *changes
	http    *http.Server
	served  chan error     // room for one: the HTTP server ended on its own
	running sync.WaitGroup // the goroutines started here
}

// start opens the log, the peers' port and the clients' port, in this order:
// a node that cannot trust its log is never seen.
func start(cfg Config) (*node, error) {
	n := &node{cfg: cfg, names: cfg.names(), started: time.Now(), served: make(chan error, 1)}
	m := newMetrics()
	log, err := openLog(cfg)
	if err != nil {
		return nil, err
	}
	peers, err := openTransport(cfg, n.names)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	listener, err := net.Listen("tcp", cfg.ListenClient)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--listen-client: %w", err), peers.Close(), log.Close())
	}
	svc, err := service.New(service.Config{
		Node: cfg.Name, SnapshotEvery: core.Index(cfg.SnapshotEvery), MaxPending: maxPending, MaxOutcomes: maxOutcomes,
		Sessions: kv.Limits{SessionEntries: uint64(cfg.SessionEntries), MaxSessions: cfg.MaxSessions},
		Lease:    cfg.Reads == api.LeaseRead,
	})
	if err != nil {
		return nil, errors.Join(err, listener.Close(), peers.Close(), log.Close())
	}
	n.changes = newChanges(n.names, cfg.Logger, m)
	applied := make(chan raft.ApplyMsg, applyQueue)
	n.raft, err = raft.Make(n.raftConfig(), timedStorage{Storage: log, syncs: m.syncs}, peers, applied)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start raft: %w", err), listener.Close(), peers.Close(), log.Close())
	}
	m.watch(n.names, n.raft, peers.Counters)
	n.owner = newOwner(svc, applied, cfg.OperationTimeout, cfg.Logger)
	n.owner.raft, n.owner.silence = n.raft, n.raft.Failed()
	n.owner.leader = func() string { return n.names.name(n.raft.Status().Leader) }
	f := &front{
		do: n.owner.do, status: n.status, metrics: m, started: n.started, pprof: cfg.Pprof,
		council: &council{raft: n.raft, names: n.names, patience: cfg.OperationTimeout},
		debug:   &debugPage{cfg: cfg, names: n.names, raft: n.raft, wire: peers.Counters, recent: n.changes.recent, started: n.started},
	}
	m.watchSessions(func() kv.Counts { return *n.owner.sessions.Load() })
	n.http = &http.Server{
		Handler: f.handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}
	n.running.Go(n.changes.run)
	n.running.Go(n.owner.run)
	n.running.Go(func() {
		if err := n.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			n.served <- err
		}
	})
	cfg.Logger.Info("serving", "node", cfg.Name, "client", listener.Addr().String(), "peer", peers.Addr().String(),
		"data", cfg.Data, "boot", n.raft.Status().Boot, "seed", cfg.Seed)
	return n, nil
}

// stop answers or fails what waits and ends everything. Raft's end ends the
// owner, which gives the last answers.
func (n *node) stop(drain time.Duration) {
	close(n.owner.drained)
	var closing sync.WaitGroup
	ctx, cancel := context.WithTimeout(context.Background(), drain+lastAnswer)
	defer cancel()
	quiet := make(chan struct{})
	closing.Go(func() {
		defer close(quiet)
		if err := n.http.Shutdown(ctx); err != nil {
			_ = n.http.Close() // the clients that are left do not read
		}
	})
	patience := time.NewTimer(drain)
	defer patience.Stop()
	select {
	case <-quiet:
	case <-patience.C:
	}
	n.raft.Stop()
	closing.Wait()
	close(n.changes.queue)
	n.running.Wait()
	n.cfg.Logger.Info("stopped")
}

// storageError is nil unless the log has failed.
func (n *node) storageError() error {
	if err := n.raft.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrStorage, err)
	}
	return nil
}

// openLog opens the log and says in the node's log what it had to repair.
func openLog(cfg Config) (*wal.Log, error) {
	log, err := wal.Open(wal.OS{}, cfg.Data, wal.Options{OnRepair: func(r wal.Repair) {
		cfg.Logger.Warn("log repaired", "file", filepath.Base(r.File), "offset", r.Offset, "bytes", r.Bytes, "reason", r.Reason)
	}})
	if errors.Is(err, wal.ErrLocked) {
		return nil, fmt.Errorf("--data %s: %w; stop it, or give another directory", cfg.Data, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: --data %s: %w", ErrStorage, cfg.Data, err)
	}
	return log, nil
}

func openTransport(cfg Config, names roster) (*transport.TCP, error) {
	peers := make(map[core.NodeID]string, len(names))
	for _, name := range names {
		peers[names.id(name)] = cfg.Peers[name]
	}
	t, err := transport.New(transport.Options{
		Cluster: cfg.cluster(), Self: names.id(cfg.Name), Listen: cfg.ListenPeer, Peers: peers,
		PeerSilence: cfg.silence(), Seed: cfg.Seed, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("--listen-peer %s: %w", cfg.ListenPeer, err)
	}
	return t, nil
}

func (n *node) raftConfig() raft.Config {
	rc := raft.DefaultConfig(n.names.id(n.cfg.Name), n.cfg.voters())
	rc.ElectionTimeout = n.cfg.ElectionTimeout
	rc.ElectionJitter = n.cfg.ElectionJitter
	rc.Heartbeat = n.cfg.Heartbeat
	rc.MaxBatch = n.cfg.MaxBatch
	rc.CompactTail = core.Index(n.cfg.CompactTail)
	rc.SnapshotChunk = n.cfg.SnapshotChunk
	rc.MaxUncommittedBytes = n.cfg.MaxUncommitted
	// A request may ask for a lease whatever the default is.
	rc.Lease, rc.LeaseDrift = true, n.cfg.LeaseDrift
	// Nodes of one run share a seed and must not share their jitter.
	rc.Seed = n.cfg.Seed<<8 + uint64(rc.ID)
	rc.Logger = n.cfg.Logger
	rc.OnChange = n.changes.tell
	rc.OnMembers = n.changes.tellMembers
	return rc
}

// status puts names to what Raft knows of itself.
func (n *node) status() api.Status {
	s := n.raft.Status()
	status := api.Status{
		Node: n.cfg.Name, Role: s.Role.String(), Term: uint64(s.Term), Leader: n.names.name(s.Leader),
		Commit: uint64(s.Commit), Applied: uint64(s.Applied), Last: uint64(s.Last), Durable: uint64(s.Durable), Boot: s.Boot,
		Peers: []api.PeerStatus{}, Members: n.names.members(s),
	}
	known := map[core.NodeID]core.PeerStatus{}
	for _, p := range s.Peers {
		known[p.ID] = p
	}
	for _, id := range s.Members.All() {
		p := known[id]
		status.Peers = append(status.Peers, api.PeerStatus{Node: n.names.name(id), Match: uint64(p.Match), Next: uint64(p.Next)})
	}
	slices.SortFunc(status.Peers, func(a, b api.PeerStatus) int { return strings.Compare(a.Node, b.Node) })
	return status
}
