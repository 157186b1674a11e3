package docker

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"golang.org/x/sys/unix"
)

// Finding is one thing that the machine has or lacks.
type Finding struct {
	Name   string
	OK     bool
	Detail string
	Remedy string // of one that is not OK
}

// Doctor looks at what runs need of this machine. It runs one short-lived
// container if the image is there.
func Doctor(ctx context.Context) []Finding {
	kernel := Finding{Name: "kernel", OK: true, Detail: Kernel()}
	api, err := Connect()
	if err != nil {
		return []Finding{kernel, {Name: "engine", Detail: err.Error(), Remedy: "set DOCKER_HOST to the address of a Docker engine"}}
	}
	defer api.Close()
	version, err := api.ServerVersion(ctx)
	if err != nil {
		return []Finding{kernel, {Name: "engine", Detail: err.Error(), Remedy: "install and start Docker (on Debian: apt-get install docker.io), or set DOCKER_HOST"}}
	}
	found := []Finding{kernel, {Name: "engine", OK: true, Detail: version.Version + ", API " + api.ClientVersion()}}
	if !HasImage(ctx, api) {
		way := Finding{Name: "image", OK: true, Detail: "not made yet; the first run makes it"}
		if _, err := exec.LookPath("debootstrap"); err != nil && os.Geteuid() != 0 {
			way = Finding{Name: "image", Detail: "not made yet, and no debootstrap should no registry be reachable", Remedy: "run once as root, or: apt-get install debootstrap"}
		}
		return append(found, way)
	}
	found = append(found, Finding{Name: "image", OK: true, Detail: ImageRef()})
	return append(found, probeIptables(ctx, api))
}

// EngineVersion is the engine's version, or empty.
func EngineVersion(ctx context.Context) string {
	api, err := Connect()
	if err != nil {
		return ""
	}
	defer api.Close()
	version, err := api.ServerVersion(ctx)
	if err != nil {
		return ""
	}
	return version.Version
}

// Kernel is the running kernel's release.
func Kernel() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(name.Release[:])
}

// probeIptables adds and lists a rule in a container with NET_ADMIN alone.
func probeIptables(ctx context.Context, api *client.Client) Finding {
	f := Finding{Name: "iptables", Remedy: "load the kernel's nf_tables or ip_tables modules; on a locked-down host allow NET_ADMIN for containers"}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	made, err := api.ContainerCreate(ctx, &container.Config{
		Image: ImageRef(), Entrypoint: []string{"/usr/sbin/iptables", "-A", "INPUT", "-s", "192.0.2.1", "-j", "DROP"},
		Labels: map[string]string{labelRun: "doctor", labelFolder: "/nonexistent"},
	}, &container.HostConfig{NetworkMode: "none", CapDrop: []string{"ALL"}, CapAdd: []string{"NET_ADMIN"}}, nil, nil, "")
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	defer api.ContainerRemove(context.WithoutCancel(ctx), made.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err := api.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		f.Detail = err.Error()
		return f
	}
	ended, failed := api.ContainerWait(ctx, made.ID, container.WaitConditionNotRunning)
	select {
	case err := <-failed:
		f.Detail = err.Error()
	case end := <-ended:
		f.OK = end.StatusCode == 0
		f.Detail = "a container with NET_ADMIN alone can add rules"
		if !f.OK {
			f.Detail = fmt.Sprintf("iptables ended with status %d", end.StatusCode)
			if out, err := api.ContainerLogs(ctx, made.ID, container.LogsOptions{ShowStderr: true}); err == nil {
				text, _ := io.ReadAll(io.LimitReader(out, 4096))
				out.Close()
				f.Detail += ": " + strings.ToValidUTF8(string(text), "")
			}
		}
	}
	return f
}
