package firewall

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"partita/nemesis/wire"
)

// chain is the name of our chain.
const chain = "PARTITA"

// Peers says who is where.
type Peers struct {
	Self      string                // this node's name, which no rule may name
	Addresses map[string]netip.Addr // by node, IPv4
	PeerPort  int                   // of the nodes' transport, TCP
	ProbePort int                   // of the agents' probes, UDP
}

// restore is the text for iptables-restore that makes the chain hold exactly
// the rules, in one transaction: naming the chain makes or flushes it.
func (p Peers) restore(rules []wire.Rule) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*filter\n:%s - [0:0]\n", chain)
	named := map[string]bool{}
	for _, r := range rules {
		from, known := p.Addresses[r.From]
		switch {
		case !known:
			return "", fmt.Errorf("rule from %q: no such node", r.From)
		case r.From == p.Self:
			return "", fmt.Errorf("rule from %q: that is this node itself", r.From)
		case named[r.From]:
			return "", fmt.Errorf("rule from %q: named twice", r.From)
		}
		named[r.From] = true
		fmt.Fprintf(&b, "-A %s -s %s -p udp --dport %d -j DROP\n", chain, from, p.ProbePort)
		if r.OneWay {
			fmt.Fprintf(&b, "-A %s -s %s -p tcp --dport %d -j DROP\n", chain, from, p.PeerPort)
		} else {
			fmt.Fprintf(&b, "-A %s -s %s -j DROP\n", chain, from)
		}
	}
	b.WriteString("COMMIT\n")
	return b.String(), nil
}

// line is one rule of the chain as iptables lists it.
type line struct {
	from     netip.Addr
	protocol string // "" for all
	port     int    // 0 for all
	packets  uint64
}

// parse reads what `iptables -v -S PARTITA` prints. Anything that is not a
// rule of ours is an error: somebody else wrote to our chain.
func parse(listing string) ([]line, error) {
	var lines []line
	for text := range strings.Lines(listing) {
		text = strings.TrimSpace(text)
		if text == "" || text == "-N "+chain {
			continue
		}
		l, err := parseLine(text)
		if err != nil {
			return nil, fmt.Errorf("read the rule %q: %w", text, err)
		}
		lines = append(lines, l)
	}
	return lines, nil
}

func parseLine(text string) (l line, err error) {
	words := strings.Fields(text)
	next := func() string {
		if len(words) == 0 {
			return ""
		}
		word := words[0]
		words = words[1:]
		return word
	}
	dropped, counted := false, false
	for err == nil && len(words) > 0 {
		switch option := next(); option {
		case "-A":
			if name := next(); name != chain {
				err = fmt.Errorf("it is in the chain %q", name)
			}
		case "-s":
			var prefix netip.Prefix
			if prefix, err = netip.ParsePrefix(next()); err == nil && !prefix.IsSingleIP() {
				err = fmt.Errorf("%v is more than one address", prefix)
			}
			l.from = prefix.Addr()
		case "-p":
			l.protocol = next()
		case "-m":
			if match := next(); match != l.protocol {
				err = fmt.Errorf("the match %q is not ours", match)
			}
		case "--dport":
			l.port, err = strconv.Atoi(next())
		case "-c":
			if l.packets, err = strconv.ParseUint(next(), 10, 64); err == nil {
				_, err = strconv.ParseUint(next(), 10, 64) // bytes
			}
			counted = true
		case "-j":
			dropped = next() == "DROP"
		default:
			err = fmt.Errorf("the option %q is not ours", option)
		}
	}
	if err == nil && (!l.from.IsValid() || !dropped || !counted) {
		err = fmt.Errorf("it lacks a source, a count or its target DROP")
	}
	return l, err
}

// counts puts the lines of the chain together to rules, in their order.
func (p Peers) counts(lines []line) ([]wire.RuleCount, error) {
	if len(lines)%2 != 0 {
		return nil, fmt.Errorf("the chain holds %d rules, want pairs", len(lines))
	}
	names := map[netip.Addr]string{}
	for name, address := range p.Addresses {
		names[address] = name
	}
	rules := make([]wire.RuleCount, 0, len(lines)/2)
	for i := 0; i < len(lines); i += 2 {
		probes, node := lines[i], lines[i+1]
		name, known := names[node.from]
		oneWay := node.protocol == "tcp" && node.port == p.PeerPort
		full := node.protocol == "" && node.port == 0
		if !known || probes.from != node.from || probes.protocol != "udp" || probes.port != p.ProbePort || !oneWay && !full {
			return nil, fmt.Errorf("the rules %+v and %+v are no pair of ours", probes, node)
		}
		rules = append(rules, wire.RuleCount{Rule: wire.Rule{From: name, OneWay: oneWay}, Node: node.packets, Probes: probes.packets})
	}
	return rules, nil
}
