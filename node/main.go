package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"partita/node/api"
	"partita/node/server"
)

// The exit codes beside 0.
const (
	exitBroken  = 1
	exitUsage   = 2
	exitStorage = api.ExitStorage
)

// errUsage is wrapped by complaints about the command line.
var errUsage = errors.New("bad flags")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(exitCode(err, os.Stderr))
}

// run is the whole program: the node, the bench or the soak.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "bench":
			return bench(ctx, args[1:], stdout, stderr)
		case "soak":
			return soak(ctx, args[1:], stdout, stderr)
		}
	}
	cfg, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	cfg.Logger = slog.New(slog.NewJSONHandler(stderr, nil))
	return server.Run(ctx, cfg)
}

// exitCode says on stderr, as the node's last log line, why the program ends.
func exitCode(err error, stderr io.Writer) int {
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "node: %v\nRun node --help for all flags.\n", err)
		return exitUsage
	}
	code := exitBroken
	if errors.Is(err, server.ErrStorage) {
		code = exitStorage
	}
	slog.New(slog.NewJSONHandler(stderr, nil)).Error("exit", "code", code, "error", err.Error())
	return code
}

// parseFlags turns a command line into a valid configuration.
func parseFlags(args []string, stderr io.Writer) (server.Config, error) {
	cfg := server.DefaultConfig()
	flags := flag.NewFlagSet("node", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&cfg.Name, "name", cfg.Name, "this node's `name`, one of those in --peers")
	flags.Func("peers", "name and peer address of everyone who may ever be a member, this node too: `n1=host:port,...`", func(s string) (err error) {
		cfg.Peers, err = parsePeers(s)
		return err
	})
	flags.Func("members", "the voters that the cluster begins with: `n1,n2,...`; a node that is not among them waits to be added (default all of --peers)",
		func(s string) error {
			cfg.Members = strings.Split(s, ",")
			return nil
		})
	flags.StringVar(&cfg.ListenClient, "listen-client", cfg.ListenClient, "`address` for clients, HTTP")
	flags.StringVar(&cfg.ListenPeer, "listen-peer", cfg.ListenPeer, "`address` for the other nodes")
	flags.StringVar(&cfg.Data, "data", cfg.Data, "`directory` of the log")
	flags.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "feeds election jitter and back-off")
	flags.DurationVar(&cfg.ElectionTimeout, "election-timeout", cfg.ElectionTimeout, "how long to stay loyal to a silent leader")
	flags.DurationVar(&cfg.ElectionJitter, "election-jitter", cfg.ElectionJitter, "the longest random wait before an election")
	flags.DurationVar(&cfg.Heartbeat, "heartbeat", cfg.Heartbeat, "from one heartbeat of the leader to the next")
	flags.DurationVar(&cfg.PeerSilence, "peer-silence", cfg.PeerSilence,
		"how long a peer may leave data unacknowledged before its connection is closed (default two election timeouts)")
	flags.DurationVar(&cfg.OperationTimeout, "operation-timeout", cfg.OperationTimeout, "how long an operation may wait for its outcome")
	flags.IntVar(&cfg.MaxBatch, "max-batch", cfg.MaxBatch, "the most entries in one message")
	flags.IntVar(&cfg.SnapshotEvery, "snapshot-every", cfg.SnapshotEvery, "applied entries from one snapshot to the next")
	flags.IntVar(&cfg.CompactTail, "compact-tail", cfg.CompactTail, "entries below a snapshot that the log keeps for nodes slightly behind")
	flags.IntVar(&cfg.SnapshotChunk, "snapshot-chunk", cfg.SnapshotChunk, "`bytes` of a snapshot in one message")
	flags.IntVar(&cfg.MaxUncommitted, "max-uncommitted", cfg.MaxUncommitted, "`bytes` of commands that a leader takes before they are committed; more is overloaded")
	flags.StringVar(&cfg.Reads, "reads", cfg.Reads,
		"how reads are confirmed that do not say so themselves: readindex (the leader asks a majority) or lease (its lease says so, as long as clocks keep to --lease-drift)")
	flags.Float64Var(&cfg.LeaseDrift, "lease-drift", cfg.LeaseDrift,
		"by which `part` of true time a node's clock may run fast or slow at most; the same on all nodes")
	flags.IntVar(&cfg.SessionEntries, "session-entries", cfg.SessionEntries,
		"applied entries after which an unused session expires; the same on every node")
	flags.IntVar(&cfg.MaxSessions, "max-sessions", cfg.MaxSessions,
		"the most sessions, of which the least recently used give way; the same on every node")
	flags.BoolVar(&cfg.Pprof, "pprof", cfg.Pprof, "serve /debug/pprof to clients")
	if err := parse(flags, args, stderr); err != nil {
		return server.Config{}, err
	}
	if err := cfg.Validate(); err != nil {
		return server.Config{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	return cfg, nil
}

// parse prints help where it is asked for, and wraps complaints.
func parse(flags *flag.FlagSet, args []string, stderr io.Writer) error {
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stderr, "Flags of %s:\n", flags.Name())
		flags.SetOutput(stderr)
		flags.PrintDefaults()
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", errUsage, err)
	case flags.NArg() > 0:
		return fmt.Errorf("%w: argument %q is not a flag; all flags begin with --", errUsage, flags.Arg(0))
	}
	return nil
}

// parsePeers takes n1=host:port,n2=host:port.
func parsePeers(s string) (map[string]string, error) {
	peers := map[string]string{}
	for _, pair := range strings.Split(s, ",") {
		name, addr, ok := strings.Cut(pair, "=")
		if !ok || name == "" || addr == "" {
			return nil, fmt.Errorf("%q is not name=host:port", pair)
		}
		if _, again := peers[name]; again {
			return nil, fmt.Errorf("%s is named twice", name)
		}
		peers[name] = addr
	}
	return peers, nil
}
