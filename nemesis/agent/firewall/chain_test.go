package firewall

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"partita/nemesis/wire"
)

// table stands in for iptables: it keeps the text of our chain, counts as
// told, and records what it was asked.
type table struct {
	asked   []string
	rules   []string
	packets uint64 // of every rule
	hooked  bool
	broken  map[string]error // by program
}

func (f *table) run(_ context.Context, path string, args []string, stdin []byte) ([]byte, error) {
	f.asked = append(f.asked, path+" "+strings.Join(args, " "))
	if err := f.broken[path]; err != nil {
		return nil, err
	}
	switch {
	case strings.HasSuffix(path, "-restore"):
		f.rules = nil
		for text := range strings.Lines(string(stdin)) {
			if rule, ok := strings.CutPrefix(strings.TrimSpace(text), "-A PARTITA -s "); ok {
				rule = strings.Replace(rule, " ", "/32 ", 1)
				f.rules = append(f.rules, strings.TrimSuffix(rule, " -j DROP"))
			}
		}
		return nil, nil
	case args[2] == "-C":
		if !f.hooked {
			return nil, errors.New("bad rule")
		}
		return nil, nil
	case args[2] == "-I":
		f.hooked = true
		return nil, nil
	}
	out := "-N PARTITA\n"
	for _, r := range f.rules {
		out += fmt.Sprintf("-A PARTITA -s %s -c %d 100 -j DROP\n", r, f.packets)
	}
	return []byte(out), nil
}

func TestSetAndRead(t *testing.T) {
	ctx, f := t.Context(), &table{}
	c := New(three(), f.run, []string{"/sbin/iptables"})
	if err := c.Set(ctx, nil); err != nil || len(f.asked) != 0 {
		t.Fatalf("a heal before any rule: %v, it asked %q", err, f.asked)
	}
	for i, step := range []struct {
		rules   []wire.Rule
		packets uint64
		dropped uint64
	}{
		{[]wire.Rule{{From: "n2"}, {From: "n3", OneWay: true}}, 5, 10},
		{[]wire.Rule{{From: "n2"}}, 3, 13},
		{nil, 0, 13},
		{[]wire.Rule{{From: "n3"}}, 4, 17},
	} {
		if err := c.Set(ctx, step.rules); err != nil {
			t.Fatal(err)
		}
		f.packets = step.packets
		want := []wire.RuleCount{}
		for _, r := range step.rules {
			want = append(want, wire.RuleCount{Rule: r, Node: step.packets, Probes: step.packets})
		}
		rules, dropped, err := c.Read(ctx)
		if err != nil || !reflect.DeepEqual(rules, want) || dropped != step.dropped {
			t.Errorf("step %d: %+v, dropped %d, %v; want %+v, %d", i, rules, dropped, err, want, step.dropped)
		}
	}
	hooks := 0
	for _, a := range f.asked {
		if strings.Contains(a, "-I INPUT 1 -j PARTITA") {
			hooks++
		}
		if strings.Contains(a, "restore") && !strings.Contains(a, "--noflush") {
			t.Errorf("it would flush all tables: %s", a)
		}
	}
	if hooks != 1 {
		t.Errorf("hooked %d times, want once", hooks)
	}
}

func TestSetupTriesVariants(t *testing.T) {
	refused := errors.New("refused")
	f := &table{broken: map[string]error{"/sbin/iptables-restore": refused}}
	c := New(three(), f.run, []string{"/sbin/iptables", "/sbin/iptables-legacy"})
	if err := c.Setup(t.Context()); err != nil || c.iptables != "/sbin/iptables-legacy" {
		t.Errorf("it took %q, %v; want the variant that works", c.iptables, err)
	}
	f.broken["/sbin/iptables-legacy-restore"] = refused
	c = New(three(), f.run, []string{"/sbin/iptables", "/sbin/iptables-legacy"})
	if err := c.Set(t.Context(), []wire.Rule{{From: "n2"}}); !errors.Is(err, refused) {
		t.Errorf("none works: %v", err)
	}
	if rules, _, err := c.Read(t.Context()); err != nil || len(rules) != 0 {
		t.Errorf("without a chain there are rules %v, %v", rules, err)
	}
	if err := New(three(), f.run, nil).Setup(t.Context()); err == nil {
		t.Error("it works without iptables")
	}
}

func TestSetReportsFailures(t *testing.T) {
	ctx, f := t.Context(), &table{broken: map[string]error{}}
	c := New(three(), f.run, []string{"/sbin/iptables"})
	if err := c.Set(ctx, []wire.Rule{{From: "n2"}}); err != nil {
		t.Fatal(err)
	}
	f.packets = 7
	if err := c.Set(ctx, []wire.Rule{{From: "nobody"}}); !errors.Is(err, ErrRules) {
		t.Errorf("an unknown node: %v", err)
	}
	refused := errors.New("refused")
	f.broken["/sbin/iptables-restore"] = refused
	if err := c.Set(ctx, nil); !errors.Is(err, refused) {
		t.Errorf("a refused transaction: %v", err)
	}
	if rules, dropped, err := c.Read(ctx); err != nil || len(rules) != 1 || dropped != 7 {
		t.Errorf("after a refused transaction: %+v, dropped %d, %v; want what was before", rules, dropped, err)
	}
	f.broken["/sbin/iptables"] = refused
	if _, _, err := c.Read(ctx); !errors.Is(err, refused) {
		t.Errorf("an unreadable chain: %v", err)
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	c := New(three(), (&table{}).run, []string{"/sbin/iptables"})
	if err := c.lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Set(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Set: %v", err)
	}
	if _, _, err := c.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Read: %v", err)
	}
}
