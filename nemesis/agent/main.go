package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"partita/nemesis/agent/children"
	"partita/nemesis/agent/firewall"
	"partita/nemesis/agent/logbook"
	"partita/nemesis/agent/mono"
	"partita/nemesis/agent/probe"
	"partita/nemesis/agent/supervisor"
)

// The limits of the end: how long the node has for SIGTERM before it is killed,
// and commands that are under way for their answers.
const (
	nodeGrace = 5 * time.Second
	httpGrace = time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}

// run is the agent until ctx ends.
func run(ctx context.Context, args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("agent", flag.ContinueOnError)
	flags.SetOutput(stderr)
	config := flags.String("config", "/etc/partita/agent.json", "the configuration, a JSON `file`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	s, err := load(*config)
	if err != nil {
		return err
	}
	return serve(ctx, s, slog.New(slog.NewJSONHandler(stderr, nil)))
}

// serve opens what the agent needs, in the order of dependence, and closes it
// in the reverse one.
func serve(ctx context.Context, s setting, logger *slog.Logger) (err error) {
	owner, err := children.New()
	if err != nil {
		return err
	}
	defer owner.Close()
	book, err := logbook.Open(s.Log, mono.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	if err := supervisor.Own(s.Data, s.UID); err != nil {
		return err
	}
	chain := firewall.New(firewall.Peers{Self: s.Node, Addresses: s.addresses, PeerPort: s.PeerPort, ProbePort: s.ProbePort},
		owner.Run, firewall.Binaries())
	if err := prepare(ctx, chain); err != nil {
		// A run without partitions needs none; a command to drop will try again.
		logger.Warn("packets cannot be dropped", "error", err)
	}
	prober, err := probe.Listen(probe.Options{Self: s.Node, Peers: s.addresses, Port: uint16(s.ProbePort),
		Every: time.Duration(s.ProbeEvery) * time.Millisecond, Now: mono.Now})
	if err != nil {
		return err
	}
	var background sync.WaitGroup
	probing, stopProbing := context.WithCancel(ctx)
	background.Go(func() {
		if err := prober.Run(probing); err != nil {
			logger.Error("probing ended", "error", err)
		}
	})
	defer background.Wait()
	defer stopProbing()
	node, err := supervisor.New(supervisor.Options{Command: s.Command, Env: s.Env, UID: s.UID, Clocks: s.Clocks,
		Owner: owner, Book: book, Logger: logger})
	if err != nil {
		return err
	}
	defer func() {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), nodeGrace)
		defer cancel()
		if closing := node.Close(within); closing != nil {
			logger.Warn("the node had to be killed", "error", closing)
		}
	}()
	a := &agent{setting: s, logger: logger, node: node, chain: chain, prober: prober, book: book}
	return a.listen(ctx)
}

// prepare makes the chain.
func prepare(ctx context.Context, chain *firewall.Chain) error {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	return chain.Setup(ctx)
}

// listen takes commands until ctx ends. The node is started once commands can
// arrive.
func (a *agent) listen(ctx context.Context) error {
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", a.AgentPort))
	if err != nil {
		return fmt.Errorf("listen for commands: %w", err)
	}
	server := &http.Server{
		Handler:           a.handler(),
		ReadHeaderTimeout: commandLimit,
		ReadTimeout:       commandLimit,
		WriteTimeout:      logLimit + stopLimit,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    1 << 16,
		ErrorLog:          slog.NewLogLogger(a.logger.Handler(), slog.LevelWarn),
	}
	serving := make(chan error, 1)
	go func() { serving <- server.Serve(listener) }()
	starting, cancel := context.WithTimeout(ctx, commandLimit)
	err = a.node.Start(starting)
	cancel()
	if err == nil {
		a.logger.Info("the node runs", "node", a.Node, "pid", a.node.PID())
		select {
		case <-ctx.Done():
		case err = <-serving:
			serving <- err
		}
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpGrace)
	defer cancel()
	if server.Shutdown(within) != nil {
		_ = server.Close() // cuts off what is still under way
	}
	if ended := <-serving; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("take commands: %w", ended))
	}
	return err
}
