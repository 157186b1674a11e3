package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"partita/node/api"
)

// benchOptions says what to measure.
type benchOptions struct {
	nodes, clients, valueBytes, keys int
	time                             time.Duration
	data                             string // parent of the data directories; empty is the system's
	node                             string // more flags of every node
	pprof                            bool
	catchUp                          bool
	entries                          int // that a node misses before it catches up
}

// catchUpBytes is the length of values that a node catches up with, unless it
// is said, and catchUpKeys the keys of each client.
const (
	catchUpBytes = 1 << 10
	catchUpKeys  = 250
)

const nodeFlagsUsage = "more `flags` of every node, apart by spaces, such as '--snapshot-every 500 --compact-tail 10'"

// parseBench turns a command line into options.
func parseBench(args []string, stderr io.Writer) (benchOptions, error) {
	o := benchOptions{}
	flags := flag.NewFlagSet("node bench", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&o.nodes, "nodes", 3, "how many nodes, 1 to 9")
	flags.IntVar(&o.clients, "clients", 64, "how many clients, each with one operation at a time")
	flags.IntVar(&o.valueBytes, "value-bytes", 128, fmt.Sprintf("length of the values put (with --catch-up %d)", catchUpBytes))
	flags.IntVar(&o.keys, "keys", 16, fmt.Sprintf("how many keys each client has (with --catch-up %d)", catchUpKeys))
	flags.DurationVar(&o.time, "time", 10*time.Second, "how long each measurement takes")
	flags.StringVar(&o.data, "data", "", "`directory` for the logs (default the system's temporary one)")
	flags.StringVar(&o.node, "node", "", nodeFlagsUsage)
	flags.BoolVar(&o.pprof, "pprof", false, "let the nodes serve /debug/pprof, and print where")
	flags.BoolVar(&o.catchUp, "catch-up", false, "stop a follower, write --entries, start it again and measure puts while it catches up")
	flags.IntVar(&o.entries, "entries", 100_000, "with --catch-up: how many entries the follower misses")
	if err := parse(flags, args, stderr); err != nil {
		return o, err
	}
	if o.catchUp {
		o.valueBytes, o.keys = unlessGiven(flags, "value-bytes", o.valueBytes, catchUpBytes), unlessGiven(flags, "keys", o.keys, catchUpKeys)
	}
	switch {
	case o.nodes < 1 || o.nodes > 9 || o.clients < 1 || o.clients > 4096 || o.valueBytes < 0 || o.valueBytes > 64<<10 || o.time <= 0:
		return o, fmt.Errorf("%w: give --nodes 1 to 9, --clients 1 to 4096, --value-bytes up to 65536 and a positive --time", errUsage)
	case o.keys < 1 || o.keys > 100_000 || o.entries < 1:
		return o, fmt.Errorf("%w: give --keys 1 to 100000 and at least one of --entries", errUsage)
	case o.catchUp && o.nodes < 3:
		return o, fmt.Errorf("%w: with --catch-up give --nodes 3 to 9, so that the others go on without the one that is stopped", errUsage)
	}
	return o, nil
}

// unlessGiven is another default of a flag.
func unlessGiven(flags *flag.FlagSet, name string, value, other int) int {
	flags.Visit(func(f *flag.Flag) {
		if f.Name == name {
			other = value
		}
	})
	return other
}

// bench starts a cluster of child processes on loopback, each with a log of
// its own, and prints what it can do: first durable puts, then linearizable
// gets, from the given number of clients spread over all nodes; or puts while a
// node catches up.
func bench(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parseBench(args, stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.data, "partita-bench-")
	if err != nil {
		return fmt.Errorf("make a directory for the logs: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	more := append(strings.Fields(o.node), fmt.Sprintf("--pprof=%v", o.pprof))
	cluster, err := startProcesses(ctx, o.nodes, dir, stderr, more...)
	defer func() { err = errors.Join(err, cluster.stop()) }()
	if err != nil {
		return err
	}
	leader, err := cluster.await(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d nodes, leader %s, %d clients, values of %d bytes, %v each\n",
		o.nodes, leader.name, o.clients, o.valueBytes, o.time)
	addrs := cluster.addrs(nil)
	if o.pprof {
		fmt.Fprintf(stdout, "profiles: http://%s/debug/pprof/ and the like on %s\n", addrs[0], strings.Join(addrs[1:], ", "))
	}
	put := api.Request{Op: api.Put, Value: strings.Repeat("v", o.valueBytes)}
	if o.catchUp {
		return catchUp(ctx, o, cluster, put, stdout)
	}
	load := load{clients: o.clients, keys: o.keys, addrs: addrs}
	fmt.Fprintln(stdout, load.measure(ctx, "durable puts", put, lasting(o.time)))
	fmt.Fprintln(stdout, load.measure(ctx, "linearizable gets", api.Request{Op: api.Get}, lasting(o.time)))
	return ctx.Err()
}
