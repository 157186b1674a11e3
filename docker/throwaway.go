package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"
)

// throwawayTimeout bounds the life of a container that tries something out.
const throwawayTimeout = 30 * time.Second

// addRule is what every image must be able to do, with NET_ADMIN alone: add a
// rule (with an address of the range for documentation).
var addRule = []string{"/usr/sbin/iptables", "-w", "5", "-A", "INPUT", "-s", "192.0.2.1", "-p", "tcp", "--dport", "7000", "-j", "DROP"}

// waitForever is a command of every image that does not end by itself: it
// reads rules from an input that stays open and empty.
var waitForever = []string{"/usr/sbin/iptables-restore"}

// throwaway is a started container that tries something out. It belongs to a
// run of its own, whose folder is temporary and locked, so that a sweep spares
// it while it is used and removes it if this process is killed.
type throwaway struct {
	engine *client.Client
	id     string
	folder string
	lock   *FolderLock
}

func startThrowaway(ctx context.Context, engine *client.Client, config container.Config, host container.HostConfig) (*throwaway, error) {
	folder, err := os.MkdirTemp("", "partita-throwaway-")
	if err != nil {
		return nil, err
	}
	lock, err := Lock(folder)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	t := &throwaway{engine: engine, folder: folder, lock: lock}
	config.Labels = map[string]string{labelRun: filepath.Base(folder), labelFolder: folder}
	host.CapDrop, host.CapAdd = []string{"ALL"}, []string{"NET_ADMIN"}
	host.SecurityOpt = []string{"no-new-privileges"}
	making, cancel := context.WithTimeout(context.WithoutCancel(ctx), makeTimeout)
	defer cancel()
	made, err := engine.ContainerCreate(making, &config, &host, nil, nil, "")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make container: %w", err), t.end(ctx))
	}
	t.id = made.ID
	if err := engine.ContainerStart(ctx, t.id, container.StartOptions{}); err != nil {
		return nil, errors.Join(fmt.Errorf("start container: %w", err), t.end(ctx))
	}
	return t, nil
}

// end removes the container, also when ctx is cancelled, and then gives its
// folder up.
func (t *throwaway) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return errors.Join(
		remove(ctx, t.engine, filepath.Base(t.folder), t.folder),
		os.RemoveAll(t.folder),
		t.lock.Unlock(),
	)
}

// runOnce runs a command to its end in a container without network that has
// NET_ADMIN alone, and gives what it said.
func runOnce(ctx context.Context, engine *client.Client, ref string, command []string) (said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, throwawayTimeout)
	defer cancel()
	t, err := startThrowaway(ctx, engine, container.Config{Image: ref, Entrypoint: command}, container.HostConfig{NetworkMode: "none"})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, t.end(ctx)) }()
	ended, failed := engine.ContainerWait(ctx, t.id, container.WaitConditionNotRunning)
	select {
	case err := <-failed:
		return "", fmt.Errorf("wait for %s: %w", command[0], err)
	case end := <-ended:
		out, err := engine.ContainerLogs(ctx, t.id, container.LogsOptions{ShowStdout: true, ShowStderr: true})
		if err != nil {
			return "", fmt.Errorf("output of %s: %w", command[0], err)
		}
		defer out.Close()
		said = strings.TrimSpace(demultiplex(out))
		if end.StatusCode != 0 {
			return said, fmt.Errorf("%s ended with status %d: %s", command[0], end.StatusCode, said)
		}
		return said, nil
	}
}

// publishOnce publishes a port of a container on 127.0.0.1 and gives the
// binding that the engine made, once try has looked at it.
func publishOnce(ctx context.Context, engine *client.Client, ref string, try func(nat.PortBinding) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, throwawayTimeout)
	defer cancel()
	t, err := startThrowaway(ctx, engine,
		container.Config{Image: ref, Entrypoint: waitForever, OpenStdin: true, ExposedPorts: nat.PortSet{port(agentPort): {}}},
		container.HostConfig{PortBindings: nat.PortMap{port(agentPort): {{HostIP: "127.0.0.1"}}}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.end(ctx)) }()
	about, err := engine.ContainerInspect(ctx, t.id)
	if err != nil {
		return fmt.Errorf("inspect container: %w", err)
	}
	bound := about.NetworkSettings.Ports[port(agentPort)]
	if len(bound) != 1 {
		return fmt.Errorf("the engine made %d bindings of one port", len(bound))
	}
	return try(bound[0])
}
