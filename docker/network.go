package docker

import (
	"context"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"strings"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
)

// ranges are the private /16 networks from which a run takes a /24. There is a
// second one for machines whose own network is all of the first.
var ranges = []netip.Prefix{
	netip.MustParsePrefix("10.213.0.0/16"),
	netip.MustParsePrefix("172.29.0.0/16"),
}

// freeSubnets lists the /24 networks that a run may try, in order: all that
// overlap nothing taken. Runs begin at different places of each range, so that
// two that start at once seldom want the same.
func freeSubnets(runID string, taken []netip.Prefix) []netip.Prefix {
	h := fnv.New32a()
	h.Write([]byte(runID))
	first := byte(h.Sum32())
	var free []netip.Prefix
	for _, in := range ranges {
		for i := range 256 {
			a := in.Addr().As4()
			a[2] = first + byte(i)
			if p := netip.PrefixFrom(netip.AddrFrom4(a), 24); !overlapsAny(p, taken) {
				free = append(free, p)
			}
		}
	}
	return free
}

func overlapsAny(p netip.Prefix, others []netip.Prefix) bool {
	for _, o := range others {
		if p.Overlaps(o) {
			return true
		}
	}
	return false
}

// address is the fixed address of a node, counted from 1. The engine keeps
// the first address of a network for its gateway.
func address(in netip.Prefix, node int) netip.Addr {
	a := in.Addr().As4()
	a[3] = byte(10 + node)
	return netip.AddrFrom4(a)
}

// makeNetwork makes the run's network on the first subnet that overlaps none.
// Another run may take one between the look and the making: then the engine
// refuses, and the next one is tried.
func makeNetwork(ctx context.Context, engine *client.Client, spec Spec) (netip.Prefix, error) {
	taken, err := takenSubnets(ctx, engine)
	if err != nil {
		return netip.Prefix{}, err
	}
	// As in create: what the engine has begun is not called off.
	making, cancel := context.WithTimeout(context.WithoutCancel(ctx), makeTimeout)
	defer cancel()
	for _, in := range freeSubnets(spec.RunID, taken) {
		if err := ctx.Err(); err != nil {
			return in, err
		}
		_, err := engine.NetworkCreate(making, spec.name(""), network.CreateOptions{
			Driver: "bridge",
			Labels: spec.labels(""),
			IPAM:   &network.IPAM{Config: []network.IPAMConfig{{Subnet: in.String()}}},
		})
		if err == nil {
			return in, nil
		}
		if !strings.Contains(err.Error(), "overlap") {
			return in, fmt.Errorf("docker: make network %s: %w", spec.name(""), err)
		}
	}
	return netip.Prefix{}, fmt.Errorf("docker: every subnet of %v is taken: remove networks that are not needed (harness clean)", ranges)
}

// takenSubnets lists what the engine's networks and this machine's own
// interfaces use.
func takenSubnets(ctx context.Context, engine *client.Client) ([]netip.Prefix, error) {
	networks, err := engine.NetworkList(ctx, network.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("docker: list networks: %w", err)
	}
	var texts []string
	for _, n := range networks {
		for _, c := range n.IPAM.Config {
			texts = append(texts, c.Subnet)
		}
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("docker: this machine's addresses: %w", err)
	}
	for _, a := range own {
		texts = append(texts, a.String())
	}
	var taken []netip.Prefix
	for _, text := range texts {
		// An interface may have an address that is no prefix: it takes nothing.
		if p, err := netip.ParsePrefix(text); err == nil {
			taken = append(taken, p.Masked())
		}
	}
	return taken, nil
}
