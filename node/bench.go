package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"partita/node/api"
)

// Bounds of what the bench waits for.
const (
	benchStart = 15 * time.Second // from the first process to a leader that serves
	benchStop  = 5 * time.Second  // from SIGTERM to a node's end
	benchCall  = 5 * time.Second  // one operation
)

// benchOptions says what to measure.
type benchOptions struct {
	nodes, clients, valueBytes int
	time                       time.Duration
	data                       string // parent of the data directories; empty is the system's
	pprof                      bool
}

// bench starts a cluster of child processes on loopback, each with a log of
// its own, and prints what it can do: first durable puts, then linearizable
// gets, from the given number of clients spread over all nodes.
func bench(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o := benchOptions{}
	flags := flag.NewFlagSet("node bench", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&o.nodes, "nodes", 3, "how many nodes, 1 to 9")
	flags.IntVar(&o.clients, "clients", 64, "how many clients, each with one operation at a time")
	flags.IntVar(&o.valueBytes, "value-bytes", 128, "length of the values put")
	flags.DurationVar(&o.time, "time", 10*time.Second, "how long each of the two measurements takes")
	flags.StringVar(&o.data, "data", "", "`directory` for the logs (default the system's temporary one)")
	flags.BoolVar(&o.pprof, "pprof", false, "let the nodes serve /debug/pprof, and print where")
	if err := parse(flags, args, stderr); err != nil {
		return err
	}
	if o.nodes < 1 || o.nodes > 9 || o.clients < 1 || o.clients > 4096 || o.valueBytes < 0 || o.valueBytes > 64<<10 || o.time <= 0 {
		return fmt.Errorf("%w: give --nodes 1 to 9, --clients 1 to 4096, --value-bytes up to 65536 and a positive --time", errUsage)
	}
	dir, err := os.MkdirTemp(o.data, "partita-bench-")
	if err != nil {
		return fmt.Errorf("make a directory for the logs: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cluster, err := startBench(ctx, o, dir, stderr)
	defer func() { err = errors.Join(err, cluster.stop()) }()
	if err != nil {
		return err
	}
	leader, err := cluster.await(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d nodes, leader %s, %d clients over all nodes, values of %d bytes, %v each\n",
		o.nodes, leader, o.clients, o.valueBytes, o.time)
	if o.pprof {
		fmt.Fprintf(stdout, "profiles: http://%s/debug/pprof/ and the like on %s\n", cluster.addrs[0], strings.Join(cluster.addrs[1:], ", "))
	}
	value := strings.Repeat("v", o.valueBytes)
	for _, phase := range []struct {
		name    string
		request api.Request
	}{
		{"durable puts", api.Request{Op: api.Put, Value: value}},
		{"linearizable gets", api.Request{Op: api.Get}},
	} {
		fmt.Fprintln(stdout, measure(ctx, o, cluster.addrs, phase.name, phase.request))
	}
	return ctx.Err()
}

// benchCluster is the nodes as child processes.
type benchCluster struct {
	addrs    []string // of the nodes' HTTP interfaces
	children []*exec.Cmd
}

// startBench starts the nodes. The cluster it returns is to be stopped, also
// after an error.
func startBench(ctx context.Context, o benchOptions, dir string, stderr io.Writer) (*benchCluster, error) {
	c := &benchCluster{}
	self, err := os.Executable()
	if err != nil {
		return c, fmt.Errorf("find this program: %w", err)
	}
	addrs, err := freeAddrs(2 * o.nodes)
	if err != nil {
		return c, err
	}
	c.addrs = addrs[:o.nodes]
	peers := make([]string, o.nodes)
	for i := range peers {
		peers[i] = fmt.Sprintf("n%d=%s", i+1, addrs[o.nodes+i])
	}
	for i := range o.nodes {
		args := []string{
			"--name", fmt.Sprintf("n%d", i+1), "--peers", strings.Join(peers, ","),
			"--listen-client", c.addrs[i], "--listen-peer", addrs[o.nodes+i],
			"--data", fmt.Sprintf("%s/n%d", dir, i+1), fmt.Sprintf("--pprof=%v", o.pprof),
		}
		child := exec.CommandContext(ctx, self, args...)
		child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
		child.WaitDelay = benchStop
		child.Stderr = &complaints{out: stderr}
		if err := child.Start(); err != nil {
			return c, fmt.Errorf("start node n%d: %w", i+1, err)
		}
		c.children = append(c.children, child)
	}
	return c, nil
}

// complaints lets only the log lines through that tell of an error.
type complaints struct{ out io.Writer }

// Write passes on the lines that count.
func (c *complaints) Write(lines []byte) (int, error) {
	for line := range strings.Lines(string(lines)) {
		if strings.Contains(line, `"level":"ERROR"`) || !strings.HasPrefix(line, "{") {
			_, _ = io.WriteString(c.out, line)
		}
	}
	return len(lines), nil
}

// await waits until every node has served a write, and names the leader.
func (c *benchCluster) await(ctx context.Context) (leader string, err error) {
	deadline := time.Now().Add(benchStart)
	for i, addr := range c.addrs {
		client := api.NewClient(addr)
		defer client.Close()
		for {
			_, err := client.Do(api.Request{Op: api.Put, Key: "ready"}, time.Second)
			if err == nil {
				break
			}
			if ctx.Err() != nil || time.Now().After(deadline) {
				return "", fmt.Errorf("node n%d does not serve: %w", i+1, err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
		status, err := client.Status(time.Second)
		if err != nil {
			return "", fmt.Errorf("ask n%d for its leader: %w", i+1, err)
		}
		leader = status.Leader
	}
	return leader, nil
}

// stop ends the nodes and waits for them.
func (c *benchCluster) stop() error {
	var errs []error
	for _, child := range c.children {
		_ = child.Process.Signal(syscall.SIGTERM) // one that has ended needs none
	}
	for i, child := range c.children {
		kill := time.AfterFunc(benchStop, func() { _ = child.Process.Kill() })
		if err := child.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, fmt.Errorf("node n%d: %w", i+1, err))
		}
		kill.Stop()
	}
	return errors.Join(errs...)
}

// freeAddrs finds loopback addresses that nobody listens on.
func freeAddrs(n int) ([]string, error) {
	addrs := make([]string, n)
	for i := range addrs {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close()
		addrs[i] = listener.Addr().String()
	}
	return addrs, nil
}

// tally is what one client saw.
type tally struct {
	latency *hdrhistogram.Histogram // of successes, in microseconds
	errors  map[api.Code]int
}

func newTally() *tally {
	return &tally{latency: hdrhistogram.New(1, benchCall.Microseconds(), 3), errors: map[api.Code]int{}}
}

// measure lets all clients work for the time and says what they got.
func measure(ctx context.Context, o benchOptions, addrs []string, name string, request api.Request) string {
	tallies := make([]*tally, o.clients)
	began := time.Now()
	end := began.Add(o.time)
	var clients sync.WaitGroup
	for i := range tallies {
		tallies[i] = newTally()
		clients.Go(func() { tallies[i].work(ctx, addrs[i%len(addrs)], i, request, end) })
	}
	clients.Wait()
	took := time.Since(began)
	all := newTally()
	for _, t := range tallies {
		all.latency.Merge(t.latency)
		for code, n := range t.errors {
			all.errors[code] += n
		}
	}
	line := fmt.Sprintf("%-18s %8.0f /s  p50 %6.2f ms  p99 %6.2f ms  max %6.2f ms", name,
		float64(all.latency.TotalCount())/took.Seconds(), milliseconds(all.latency.ValueAtQuantile(50)),
		milliseconds(all.latency.ValueAtQuantile(99)), milliseconds(all.latency.Max()))
	if len(all.errors) > 0 {
		line += fmt.Sprintf("  errors %v", all.errors)
	}
	return line
}

// work is one client: one operation after another, each on another of its keys.
func (t *tally) work(ctx context.Context, addr string, number int, request api.Request, end time.Time) {
	const keys = 16
	client := api.NewClient(addr)
	defer client.Close()
	for i := 0; time.Now().Before(end) && ctx.Err() == nil; i++ {
		request.Key = fmt.Sprintf("bench.%d.%d", number, i%keys)
		began := time.Now()
		_, err := client.Do(request, benchCall)
		var failure *api.Error
		if errors.As(err, &failure) {
			t.errors[failure.Code]++
			continue
		}
		// A value above the histogram's highest is one above the timeout.
		_ = t.latency.RecordValue(max(1, time.Since(began).Microseconds()))
	}
}

func milliseconds(us int64) float64 { return float64(us) / 1000 }
