package docker

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
)

// subnets is how many /24 networks a run may try: 10.213.0.0 to 10.213.255.0.
const subnets = 256

// subnet gives the attempt-th network to try. Runs begin at different places,
// so that two of them seldom meet.
func subnet(runID string, attempt int) netip.Prefix {
	h := fnv.New32a()
	h.Write([]byte(runID))
	third := byte((int(h.Sum32()%subnets) + attempt) % subnets)
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 213, third, 0}), 24)
}

// address is the fixed address of a node, counted from 1. The engine keeps
// the first address of a network for its gateway.
func address(in netip.Prefix, node int) netip.Addr {
	a := in.Addr().As4()
	a[3] = byte(10 + node)
	return netip.AddrFrom4(a)
}

// makeNetwork makes the run's network on the first subnet that overlaps none.
func makeNetwork(ctx context.Context, api *client.Client, spec Spec) (string, netip.Prefix, error) {
	for attempt := range subnets {
		in := subnet(spec.RunID, attempt)
		made, err := api.NetworkCreate(ctx, spec.name(""), network.CreateOptions{
			Driver: "bridge",
			Labels: spec.labels(""),
			IPAM:   &network.IPAM{Config: []network.IPAMConfig{{Subnet: in.String()}}},
		})
		if err == nil {
			return made.ID, in, nil
		}
		if text := err.Error(); !strings.Contains(text, "overlap") && !strings.Contains(text, "subnet") {
			return "", in, fmt.Errorf("docker: make network %s: %w", spec.name(""), err)
		}
	}
	return "", netip.Prefix{}, fmt.Errorf("docker: all %d subnets of 10.213.0.0/16 are taken: remove networks that are not needed (harness clean)", subnets)
}
