package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"
)

// removeAgain is the pause before what could not be removed is tried again: the
// engine refuses what another request is removing, and a network that it has
// not finished detaching.
const (
	removeAgain    = 100 * time.Millisecond
	removeAttempts = 20
)

// Sweep removes what dead runs left behind and names those runs, in order. A
// live run, the caller's own too, holds the lock of its folder and is left
// alone. A run that cannot be judged or removed is in the error; the others
// are swept nevertheless.
func Sweep(ctx context.Context) ([]string, error) {
	engine, err := connect()
	if err != nil {
		return nil, err
	}
	defer func() { _ = engine.Close() }()
	return sweep(ctx, engine, filters.NewArgs(filters.Arg("label", labelRun)))
}

// sweep is Sweep among the runs that a filter lets through.
func sweep(ctx context.Context, engine *client.Client, by filters.Args) ([]string, error) {
	left, err := list(ctx, engine, by)
	if err != nil {
		return nil, err
	}
	var swept []string
	var failures []error
	for _, run := range left.runs() {
		gone, err := sweepRun(ctx, engine, run)
		if err != nil {
			failures = append(failures, fmt.Errorf("docker: sweep run %s: %w", run.id, err))
		}
		if gone {
			swept = append(swept, run.id)
		}
	}
	return swept, errors.Join(failures...)
}

// sweepRun removes what one run left if it is dead, and says whether it did.
// The lock is held meanwhile, so that no run begins in that folder and no other
// sweep comes in between.
func sweepRun(ctx context.Context, engine *client.Client, run owner) (bool, error) {
	lock, isDead, err := dead(run.folder)
	if err != nil || !isDead {
		return false, err
	}
	err = remove(ctx, engine, run.id, run.folder)
	if lock != nil {
		err = errors.Join(err, lock.Unlock())
	}
	return err == nil, err
}

// dead says whether no run lives in a folder and, if so, takes its lock. A
// folder that has vanished, also between two looks at it, has no run and no
// lock.
func dead(folder string) (*FolderLock, bool, error) {
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return nil, true, nil
	}
	lock, err := Lock(folder)
	switch {
	case errors.Is(err, ErrLocked):
		return nil, false, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, true, nil
	case err != nil:
		return nil, false, err
	}
	return lock, true, nil
}

// owner is the run that something belongs to, by its labels.
type owner struct{ id, folder string }

func ownerOf(labels map[string]string) owner { return owner{labels[labelRun], labels[labelFolder]} }

// leftovers is what the engine has of one or more runs.
type leftovers struct {
	containers []container.Summary
	networks   []network.Summary
	volumes    []*volume.Volume
}

func (l leftovers) empty() bool {
	return len(l.containers)+len(l.networks)+len(l.volumes) == 0
}

// runs lists whose they are, each once, in order.
func (l leftovers) runs() []owner {
	var found []owner
	for _, c := range l.containers {
		found = append(found, ownerOf(c.Labels))
	}
	for _, n := range l.networks {
		found = append(found, ownerOf(n.Labels))
	}
	for _, v := range l.volumes {
		found = append(found, ownerOf(v.Labels))
	}
	slices.SortFunc(found, func(a, b owner) int {
		return slices.Compare([]string{a.id, a.folder}, []string{b.id, b.folder})
	})
	return slices.Compact(found)
}

func list(ctx context.Context, engine *client.Client, by filters.Args) (leftovers, error) {
	var l leftovers
	var err error
	if l.containers, err = engine.ContainerList(ctx, container.ListOptions{All: true, Filters: by}); err != nil {
		return l, fmt.Errorf("docker: list containers: %w", err)
	}
	if l.networks, err = engine.NetworkList(ctx, network.ListOptions{Filters: by}); err != nil {
		return l, fmt.Errorf("docker: list networks: %w", err)
	}
	volumes, err := engine.VolumeList(ctx, volume.ListOptions{Filters: by})
	if err != nil {
		return l, fmt.Errorf("docker: list volumes: %w", err)
	}
	l.volumes = volumes.Volumes
	return l, nil
}

// remove removes everything of a run and returns when the engine has nothing
// of it any more.
func remove(ctx context.Context, engine *client.Client, run, folder string) error {
	by := filters.NewArgs(filters.Arg("label", labelRun+"="+run), filters.Arg("label", labelFolder+"="+folder))
	var last error
	for range removeAttempts {
		left, err := list(ctx, engine, by)
		if err != nil {
			return err
		}
		if left.empty() {
			return nil
		}
		if last = removeOnce(ctx, engine, left); last == nil {
			continue // to see that nothing is left
		}
		select {
		case <-ctx.Done():
			return errors.Join(last, ctx.Err())
		case <-time.After(removeAgain):
		}
	}
	if last == nil {
		last = errors.New("the engine still lists some of it")
	}
	return fmt.Errorf("docker: remove what run %s made: %w", run, last)
}

// removeOnce removes all containers at once, then what nothing uses any more.
func removeOnce(ctx context.Context, engine *client.Client, left leftovers) error {
	var group errgroup.Group
	for _, c := range left.containers {
		group.Go(func() error {
			return gone(engine.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("container: %w", err)
	}
	for _, v := range left.volumes {
		group.Go(func() error { return gone(engine.VolumeRemove(ctx, v.Name, true)) })
	}
	for _, n := range left.networks {
		group.Go(func() error { return gone(engine.NetworkRemove(ctx, n.ID)) })
	}
	return group.Wait()
}

// gone takes away the error that says that a thing does not exist.
func gone(err error) error {
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}
