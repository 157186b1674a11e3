package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"partita/node/api"
	"partita/raft/wal"
)

// soakOptions says how long and with how many clients.
type soakOptions struct {
	nodes, perNode, valueBytes, keys int
	time, every                      time.Duration
	data, node                       string
}

// measures are what must not grow for ever. A median of the last third of the
// run may lie above that of the middle one by a tenth and by slack.
var measures = []struct {
	name, unit string
	metric     string // empty: the files below the data directory
	scale      float64
	slack      float64 // in units
}{
	{"rss", "MB", "process_resident_memory_bytes", 1e6, 8},
	{"heap", "MB", "go_memstats_heap_inuse_bytes", 1e6, 8},
	{"goroutines", "", "go_goroutines", 1, 4},
	{"files", "", "process_open_fds", 1, 4},
	// A log goes up and down by a segment, which it keeps whole for its last entries.
	{"data", "MB", "", 1e6, wal.DefaultSegmentBytes / 1e6},
}

// growth is by which part a median may rise beside the slack.
const growth = 0.1

// leastSamples is how many samples each third has at least: fewer have no
// median worth the name.
const leastSamples = 5

// soak lets clients work for long and looks at what each node holds on to. It
// is an error if something does not level.
func soak(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o := soakOptions{}
	flags := flag.NewFlagSet("node soak", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&o.nodes, "nodes", 3, "how many nodes, 1 to 9")
	flags.IntVar(&o.perNode, "clients", 16, "how many clients each node has, each with one operation at a time")
	flags.IntVar(&o.valueBytes, "value-bytes", 128, "length of the values put")
	flags.IntVar(&o.keys, "keys", 16, "how many keys each client has")
	flags.DurationVar(&o.time, "time", 10*time.Minute, "how long it takes")
	flags.DurationVar(&o.every, "every", 30*time.Second, "how often what the nodes hold is printed")
	flags.StringVar(&o.data, "data", "", "`directory` for the logs (default the system's temporary one)")
	flags.StringVar(&o.node, "node", "", nodeFlagsUsage)
	if err := parse(flags, args, stderr); err != nil {
		return err
	}
	if o.nodes < 1 || o.nodes > 9 || o.perNode < 1 || o.perNode > 1024 || o.valueBytes < 0 || o.valueBytes > 64<<10 || o.keys < 1 || o.every <= 0 || o.time < o.every {
		return fmt.Errorf("%w: give --nodes 1 to 9, --clients 1 to 1024, --value-bytes up to 65536, --keys above 0 and --time no less than --every", errUsage)
	}
	dir, err := os.MkdirTemp(o.data, "partita-soak-")
	if err != nil {
		return fmt.Errorf("make a directory for the logs: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cluster, err := startProcesses(ctx, o.nodes, dir, stderr, strings.Fields(o.node)...)
	defer func() { err = errors.Join(err, cluster.stop()) }()
	if err != nil {
		return err
	}
	if _, err := cluster.await(ctx); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d nodes, %d clients each, values of %d bytes, %v\n", o.nodes, o.perNode, o.valueBytes, o.time)
	taken, err := cluster.soak(ctx, o, stdout)
	if err != nil {
		return err
	}
	return level(taken, stdout)
}

// held is what one node held at one moment, in the order of measures.
type held []float64

// soak lets the clients work and takes what each node holds, by its name.
func (c *processes) soak(ctx context.Context, o soakOptions, stdout io.Writer) (map[string][]held, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var counts soakCounts
	var clients sync.WaitGroup
	for i := range o.nodes * o.perNode {
		clients.Go(func() { counts.work(ctx, c.nodes[i%o.nodes].client, i, o) })
	}
	defer clients.Wait()
	defer stop()
	taken := map[string][]held{}
	began := time.Now()
	for next := o.every; time.Since(began) < o.time && ctx.Err() == nil; {
		wait(ctx, min(o.every/10, 3*time.Second))
		for _, n := range c.nodes {
			h, err := n.holds(ctx)
			if err != nil {
				return nil, err
			}
			taken[n.name] = append(taken[n.name], h)
		}
		if since := time.Since(began); since >= next {
			next += o.every
			fmt.Fprintf(stdout, "%5.0f s  %d ok, %d failed\n", since.Seconds(), counts.ok.Load(), counts.failed.Load())
			for _, n := range c.nodes {
				fmt.Fprintf(stdout, "         %s %s\n", n.name, taken[n.name][len(taken[n.name])-1])
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if counts.ok.Load() == 0 {
		return nil, errors.New("no operation succeeded: what nodes hold without work says nothing")
	}
	return taken, nil
}

// soakCounts are what all clients saw.
type soakCounts struct{ ok, failed atomic.Int64 }

// work is one client: puts and gets in turn. Now and then it goes and
// another comes, on a new connection.
func (s *soakCounts) work(ctx context.Context, addr string, number int, o soakOptions) {
	const stays = 1000 // operations
	value := strings.Repeat("v", o.valueBytes)
	for ctx.Err() == nil {
		client := api.NewClient(addr)
		for i := range stays {
			request := api.Request{Op: api.Put, Key: fmt.Sprintf("soak.%d.%d", number, i/2%o.keys), Value: value}
			if i%2 == 1 {
				request.Op, request.Value = api.Get, ""
			}
			if ctx.Err() != nil {
				break
			}
			if _, err := client.Do(request, callTimeout); err != nil {
				s.failed.Add(1)
				wait(ctx, 10*time.Millisecond) // who does not serve is not to be asked without a pause
				continue
			}
			s.ok.Add(1)
		}
		client.Close()
	}
}

// holds looks at a node.
func (n *process) holds(ctx context.Context) (held, error) {
	all, err := scrape(ctx, n.client)
	if err != nil {
		return nil, err
	}
	h := make(held, len(measures))
	for i, m := range measures {
		value := all[m.metric]
		if m.metric == "" {
			if value, err = sizeOf(n.data); err != nil {
				return nil, err
			}
		}
		h[i] = value / m.scale
	}
	return h, nil
}

// sizeOf adds up the sizes of all files below a directory. A file that goes
// meanwhile has none.
func sizeOf(dir string) (float64, error) {
	size := 0.0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				size += float64(info.Size())
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("sizes of the files in %s: %w", dir, err)
	}
	return size, nil
}

// String says everything with its unit.
func (h held) String() string {
	var parts []string
	for i, m := range measures {
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %.1f %s", m.name, h[i], m.unit)))
	}
	return strings.Join(parts, "  ")
}

// level compares, measure by measure and node by node, the last third of the
// run with the middle one. The first, in which caches fill, says nothing.
func level(taken map[string][]held, stdout io.Writer) error {
	var grown []string
	for i, m := range measures {
		for _, name := range slices.Sorted(maps.Keys(taken)) {
			all := taken[name]
			third := len(all) / 3
			if third < leastSamples {
				return fmt.Errorf("%d samples of %s: too few to tell whether anything levels; give a longer --time", len(all), name)
			}
			middle, last := median(all[third:2*third], i), median(all[2*third:], i)
			verdict := "levels"
			if last > middle*(1+growth)+m.slack {
				verdict = "GROWS"
				grown = append(grown, m.name+" of "+name)
			}
			fmt.Fprintf(stdout, "%-10s %s  middle third %8.1f, last third %8.1f %-2s  %s\n", m.name, name, middle, last, m.unit, verdict)
		}
	}
	if len(grown) > 0 {
		return fmt.Errorf("what does not level: %s", strings.Join(grown, ", "))
	}
	return nil
}

// median is that of one measure.
func median(all []held, measure int) float64 {
	values := make([]float64, len(all))
	for i, h := range all {
		values[i] = h[measure]
	}
	slices.Sort(values)
	return values[len(values)/2]
}
