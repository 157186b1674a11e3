package firewall

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"partita/nemesis/wire"
)

// three are three nodes; the tests are n1.
func three() Peers {
	return Peers{
		Self: "n1",
		Addresses: map[string]netip.Addr{
			"n1": netip.MustParseAddr("10.9.0.1"),
			"n2": netip.MustParseAddr("10.9.0.2"),
			"n3": netip.MustParseAddr("10.9.0.3"),
		},
		PeerPort:  7001,
		ProbePort: 7002,
	}
}

func TestRestore(t *testing.T) {
	const head, tail = "*filter\n:PARTITA - [0:0]\n", "COMMIT\n"
	for _, c := range []struct {
		name  string
		rules []wire.Rule
		want  string
		err   string
	}{
		{"nothing", nil, head + tail, ""},
		{"full", []wire.Rule{{From: "n2"}}, head +
			"-A PARTITA -s 10.9.0.2 -p udp --dport 7002 -j DROP\n" +
			"-A PARTITA -s 10.9.0.2 -j DROP\n" + tail, ""},
		{"one way", []wire.Rule{{From: "n2", OneWay: true}}, head +
			"-A PARTITA -s 10.9.0.2 -p udp --dport 7002 -j DROP\n" +
			"-A PARTITA -s 10.9.0.2 -p tcp --dport 7001 -j DROP\n" + tail, ""},
		{"both kinds, in the order asked", []wire.Rule{{From: "n3", OneWay: true}, {From: "n2"}}, head +
			"-A PARTITA -s 10.9.0.3 -p udp --dport 7002 -j DROP\n" +
			"-A PARTITA -s 10.9.0.3 -p tcp --dport 7001 -j DROP\n" +
			"-A PARTITA -s 10.9.0.2 -p udp --dport 7002 -j DROP\n" +
			"-A PARTITA -s 10.9.0.2 -j DROP\n" + tail, ""},
		{"unknown", []wire.Rule{{From: "n4"}}, "", "no such node"},
		{"an address is no name", []wire.Rule{{From: "10.9.0.2"}}, "", "no such node"},
		{"itself", []wire.Rule{{From: "n1"}}, "", "this node itself"},
		{"twice", []wire.Rule{{From: "n2"}, {From: "n2", OneWay: true}}, "", "named twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := three().restore(c.rules)
			if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %v\n%s\nwant %q\n%s", err, got, c.err, c.want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	n2 := netip.MustParseAddr("10.9.0.2")
	for _, c := range []struct {
		name, listing string
		want          []line
		err           string
	}{
		{"empty chain", "-N PARTITA\n", nil, ""},
		{"pair", "-N PARTITA\n" +
			"-A PARTITA -s 10.9.0.2/32 -p udp -m udp --dport 7002 -c 12 648 -j DROP\n" +
			"-A PARTITA -s 10.9.0.2/32 -c 18446744073709551615 4096 -j DROP\n",
			[]line{{n2, "udp", 7002, 12}, {n2, "", 0, 1<<64 - 1}}, ""},
		{"one way", "-A PARTITA -s 10.9.0.2/32 -p tcp -m tcp --dport 7001 -c 3 180 -j DROP",
			[]line{{n2, "tcp", 7001, 3}}, ""},
		{"another chain", "-A INPUT -s 10.9.0.2/32 -c 0 0 -j DROP\n", nil, "in the chain"},
		{"another target", "-A PARTITA -s 10.9.0.2/32 -c 0 0 -j ACCEPT\n", nil, "target DROP"},
		{"no target", "-A PARTITA -s 10.9.0.2/32 -c 0 0\n", nil, "target DROP"},
		{"no count", "-A PARTITA -s 10.9.0.2/32 -j DROP\n", nil, "lacks"},
		{"no source", "-A PARTITA -c 0 0 -j DROP\n", nil, "lacks"},
		{"a net", "-A PARTITA -s 10.9.0.0/24 -c 0 0 -j DROP\n", nil, "more than one address"},
		{"negated", "-A PARTITA ! -s 10.9.0.2/32 -c 0 0 -j DROP\n", nil, `"!" is not ours`},
		{"another match", "-A PARTITA -s 10.9.0.2/32 -p udp -m comment --comment x -c 0 0 -j DROP\n", nil, `"comment" is not ours`},
		{"cut short", "-A PARTITA -s 10.9.0.2/32 -c 1\n", nil, "invalid syntax"},
		{"no listing", "iptables: No chain/target/match by that name.\n", nil, "not ours"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parse(c.listing)
			if !reflect.DeepEqual(got, c.want) || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %v, %v; want %v, %q", got, err, c.want, c.err)
			}
		})
	}
}

func TestCounts(t *testing.T) {
	n2, n3, stranger := netip.MustParseAddr("10.9.0.2"), netip.MustParseAddr("10.9.0.3"), netip.MustParseAddr("10.9.0.9")
	for _, c := range []struct {
		name  string
		lines []line
		want  []wire.RuleCount
	}{
		{"empty", nil, []wire.RuleCount{}},
		{"full and one way", []line{{n3, "udp", 7002, 5}, {n3, "", 0, 9}, {n2, "udp", 7002, 4}, {n2, "tcp", 7001, 2}}, []wire.RuleCount{
			{Rule: wire.Rule{From: "n3"}, Node: 9, Probes: 5},
			{Rule: wire.Rule{From: "n2", OneWay: true}, Node: 2, Probes: 4},
		}},
		{"half a pair", []line{{n2, "udp", 7002, 5}}, nil},
		{"two nodes in a pair", []line{{n2, "udp", 7002, 5}, {n3, "", 0, 9}}, nil},
		{"the wrong order", []line{{n2, "", 0, 9}, {n2, "udp", 7002, 5}}, nil},
		{"another port", []line{{n2, "udp", 7002, 5}, {n2, "tcp", 80, 9}}, nil},
		{"a stranger", []line{{stranger, "udp", 7002, 5}, {stranger, "", 0, 9}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := three().counts(c.lines)
			if !reflect.DeepEqual(got, c.want) || (err == nil) != (c.want != nil) {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

// FuzzParse: whatever iptables prints, an error or rules, never a panic; and
// what was read survives being written and read again.
func FuzzParse(f *testing.F) {
	f.Add("-N PARTITA\n-A PARTITA -s 10.9.0.2/32 -p udp -m udp --dport 7002 -c 12 648 -j DROP\n-A PARTITA -s 10.9.0.2/32 -c 1 2 -j DROP\n")
	f.Add("-A PARTITA -s")
	f.Add("-A PARTITA ! -s 10.9.0.2/32 -c -1 -1 -j DROP")
	f.Fuzz(func(t *testing.T, listing string) {
		lines, err := parse(listing)
		if err != nil {
			return
		}
		for _, l := range lines {
			if !l.from.IsValid() {
				t.Errorf("%q gave a rule without a source", listing)
			}
		}
		if rules, err := three().counts(lines); err == nil && len(rules)*2 != len(lines) {
			t.Errorf("%d lines gave %d rules", len(lines), len(rules))
		}
	})
}
