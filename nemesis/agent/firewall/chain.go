package firewall

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"

	"partita/nemesis/wire"
)

// ErrRules wraps complaints about rules that were asked for.
var ErrRules = errors.New("firewall: bad rules")

// Runner runs a command and returns its standard output.
type Runner func(ctx context.Context, path string, args []string, stdin []byte) ([]byte, error)

// Binaries lists the variants of iptables that this machine has, the one to
// try first first: the nft variant needs NET_ADMIN alone, the legacy one
// NET_RAW too.
func Binaries() []string {
	var found []string
	for _, name := range []string{"iptables", "iptables-nft", "iptables-legacy"} {
		path, err := exec.LookPath(name)
		for _, folder := range []string{"/usr/sbin", "/sbin"} {
			if err != nil {
				path, err = exec.LookPath(filepath.Join(folder, name))
			}
		}
		if err == nil {
			found = append(found, path)
		}
	}
	return found
}

// Chain is the chain in the network namespace of this process.
type Chain struct {
	peers    Peers
	run      Runner
	binaries []string
	// turn is held by whoever looks at or changes the fields below or the chain.
	turn     chan struct{}
	iptables string // the variant that works, "" before that is known
	past     uint64 // the nodes' packets dropped by rules that are gone
}

// New returns the chain, which does not exist before Setup or the first Set.
func New(peers Peers, run Runner, binaries []string) *Chain {
	return &Chain{peers: peers, run: run, binaries: binaries, turn: make(chan struct{}, 1)}
}

// lock waits for a turn.
func (c *Chain) lock(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("firewall: wait for another command: %w", ctx.Err())
	}
}

func (c *Chain) unlock() { <-c.turn }

// Setup makes the chain, empty, with the first variant of iptables that works,
// and hooks it into INPUT in the first place. Once that has worked it does
// nothing.
func (c *Chain) Setup(ctx context.Context) error {
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	return c.setup(ctx)
}

func (c *Chain) setup(ctx context.Context) error {
	if c.iptables != "" {
		return nil
	}
	if len(c.binaries) == 0 {
		return errors.New("firewall: there is no iptables on this machine")
	}
	var failed []error
	for _, binary := range c.binaries {
		err := c.hook(ctx, binary)
		if err == nil {
			c.iptables = binary
			return nil
		}
		failed = append(failed, err)
	}
	return fmt.Errorf("firewall: make the chain (it needs the capability NET_ADMIN): %w", errors.Join(failed...))
}

func (c *Chain) hook(ctx context.Context, binary string) error {
	empty, err := c.peers.restore(nil)
	if err != nil {
		return err
	}
	if err := c.refill(ctx, binary, empty); err != nil {
		return err
	}
	if _, err := c.run(ctx, binary, []string{"-w", "2", "-C", "INPUT", "-j", chain}, nil); err == nil {
		return nil // it is hooked already
	}
	_, err = c.run(ctx, binary, []string{"-w", "2", "-I", "INPUT", "1", "-j", chain}, nil)
	return err
}

// refill replaces the chain's rules in one transaction, and no others.
func (c *Chain) refill(ctx context.Context, binary, text string) error {
	_, err := c.run(ctx, binary+"-restore", []string{"-w", "2", "--noflush"}, []byte(text))
	return err
}

// Set makes the chain hold exactly the rules. Either all are in force
// afterwards or, with an error, what was before. Without a chain no rules are
// there to be flushed.
func (c *Chain) Set(ctx context.Context, rules []wire.Rule) error {
	text, err := c.peers.restore(rules)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRules, err)
	}
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	if c.iptables == "" && len(rules) == 0 {
		return nil
	}
	if err := c.setup(ctx); err != nil {
		return err
	}
	// What is dropped between this reading and the transaction goes uncounted.
	before, err := c.list(ctx)
	if err != nil {
		return err
	}
	if err := c.refill(ctx, c.iptables, text); err != nil {
		return fmt.Errorf("firewall: replace the rules: %w", err)
	}
	c.past += total(before)
	return nil
}

// Read lists the rules as they stand, with their counts, and how many of the
// nodes' own packets have been dropped since the beginning, by rules in force
// or gone.
func (c *Chain) Read(ctx context.Context) (rules []wire.RuleCount, dropped uint64, err error) {
	if err := c.lock(ctx); err != nil {
		return nil, 0, err
	}
	defer c.unlock()
	if c.iptables == "" {
		return []wire.RuleCount{}, c.past, nil
	}
	rules, err = c.list(ctx)
	return rules, c.past + total(rules), err
}

func (c *Chain) list(ctx context.Context) ([]wire.RuleCount, error) {
	out, err := c.run(ctx, c.iptables, []string{"-w", "2", "-v", "-S", chain}, nil)
	if err != nil {
		return nil, fmt.Errorf("firewall: list the chain: %w", err)
	}
	lines, err := parse(string(out))
	if err != nil {
		return nil, fmt.Errorf("firewall: %w", err)
	}
	rules, err := c.peers.counts(lines)
	if err != nil {
		return nil, fmt.Errorf("firewall: %w", err)
	}
	return rules, nil
}

func total(rules []wire.RuleCount) uint64 {
	var sum uint64
	for r := range slices.Values(rules) {
		sum += r.Node
	}
	return sum
}
