package docker

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/docker/docker/client"
	"golang.org/x/sys/unix"
)

// backOff is the kernel's bound on how long TCP waits before it tries again.
// Where the kernel has it for each network namespace, a partition that was
// healed is over within a second for every old connection too.
const backOff = "net.ipv4.tcp_rto_max_ms"

// connect opens the engine that the environment names. The version of its
// interface is negotiated: engines older than the client are common.
func connect() (*client.Client, error) {
	engine, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, fmt.Errorf("docker: %w", err)
	}
	return engine, nil
}

// EngineVersion is the engine's version, or empty where none answers.
func EngineVersion(ctx context.Context) string {
	engine, err := connect()
	if err != nil {
		return ""
	}
	defer func() { _ = engine.Close() }()
	version, err := engine.ServerVersion(ctx)
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

// sysctls shortens TCP's back-off where the kernel can.
func sysctls() map[string]string {
	if _, err := os.Stat("/proc/sys/" + strings.ReplaceAll(backOff, ".", "/")); err != nil {
		return nil
	}
	return map[string]string{backOff: "1000"}
}

// published is where a port of a container is reached from this machine.
func published(port string) string { return net.JoinHostPort("127.0.0.1", port) }
