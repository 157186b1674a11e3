package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"
)

// oldestAPI is the oldest interface of the engine that this was tried with.
const oldestAPI = "1.41"

// Finding is one thing that the machine has or lacks.
type Finding struct {
	Name   string
	OK     bool
	Detail string
	Remedy string // of one that is not OK
}

// Doctor looks at what runs need of this machine, the most basic first. If the
// image is there it runs two short-lived containers.
func Doctor(ctx context.Context) []Finding {
	found := []Finding{kernelFinding()}
	engine, err := connect()
	if err != nil {
		return append(found, Finding{Name: "engine", Detail: err.Error(), Remedy: "set DOCKER_HOST to the address of a Docker engine"})
	}
	defer func() { _ = engine.Close() }()
	about := engineFinding(ctx, engine)
	found = append(found, about)
	if !about.OK {
		return found
	}
	if !hasImage(ctx, engine, ImageRef()) {
		return append(found, debootstrapFinding(), Finding{
			Name: "image", Detail: ImageRef() + " is not made yet, so iptables and published ports were not tried",
			Remedy: "the first run makes it; or now: harness doctor --build-image",
		})
	}
	return append(found, Finding{Name: "image", OK: true, Detail: ImageRef()}, iptablesFinding(ctx, engine), publishFinding(ctx, engine))
}

func kernelFinding() Finding {
	f := Finding{Name: "kernel", OK: true, Detail: Kernel()}
	if sysctls() == nil {
		f.Detail += "; no bound on TCP's back-off (" + backOff + "): old connections take seconds to recover from a partition, new ones do not"
	}
	return f
}

func engineFinding(ctx context.Context, engine *client.Client) Finding {
	f := Finding{Name: "engine", Remedy: "install and start Docker (on Debian: apt-get install docker.io), become a member of the group docker, or set DOCKER_HOST"}
	ctx, cancel := context.WithTimeout(ctx, throwawayTimeout)
	defer cancel()
	version, err := engine.ServerVersion(ctx)
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	f.Detail = fmt.Sprintf("%s, API %s", version.Version, version.APIVersion)
	if f.OK = versions.GreaterThanOrEqualTo(version.APIVersion, oldestAPI); !f.OK {
		f.Remedy = "install an engine with API " + oldestAPI + " or later (20.10 has it)"
	}
	return f
}

// debootstrapFinding matters only while there is no image.
func debootstrapFinding() Finding {
	f := Finding{Name: "debootstrap", OK: true}
	path, err := exec.LookPath("debootstrap")
	_, aptErr := exec.LookPath("apt-get")
	switch {
	case os.Geteuid() != 0:
		f.OK, f.Detail, f.Remedy = false, "needs root; without a registry the image comes from this machine's own iptables", "make the image once as root"
	case err == nil:
		f.Detail = path
	case aptErr == nil:
		f.Detail = "not installed; apt-get will install it when it is needed"
	default:
		f.OK, f.Detail, f.Remedy = false, "not installed, and no apt-get", "install debootstrap, or let the engine reach a registry"
	}
	return f
}

// iptablesFinding adds a rule in a container with NET_ADMIN alone.
func iptablesFinding(ctx context.Context, engine *client.Client) Finding {
	if _, err := runOnce(ctx, engine, ImageRef(), addRule); err != nil {
		return Finding{Name: "iptables", Detail: err.Error(), Remedy: "load the kernel's modules (modprobe nf_tables, or ip_tables), and let containers have NET_ADMIN"}
	}
	return Finding{Name: "iptables", OK: true, Detail: "a container with NET_ADMIN alone can add rules"}
}

// publishFinding reaches a published port on 127.0.0.1.
func publishFinding(ctx context.Context, engine *client.Client) Finding {
	var at string
	err := publishOnce(ctx, engine, ImageRef(), func(b nat.PortBinding) error {
		at = published(b.HostPort)
		if b.HostIP != "127.0.0.1" {
			return fmt.Errorf("the engine published on %s instead of 127.0.0.1", b.HostIP)
		}
		conn, err := net.DialTimeout("tcp", at, 2*time.Second)
		// Nobody listens in that container: an engine without a proxy in between
		// passes its refusal on.
		if errors.Is(err, syscall.ECONNREFUSED) {
			return nil
		}
		if err != nil {
			return err
		}
		return conn.Close()
	})
	if err != nil {
		return Finding{Name: "ports", Detail: err.Error(), Remedy: "let the engine publish ports on 127.0.0.1: it needs its iptables rules or its proxy (see the engine's own log)"}
	}
	return Finding{Name: "ports", OK: true, Detail: "published on 127.0.0.1 alone"}
}
