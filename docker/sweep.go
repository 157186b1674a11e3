package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"
)

// Sweep removes what dead runs left behind and names those runs. A live run
// holds the lock of its folder and is left alone.
func Sweep(ctx context.Context) ([]string, error) {
	api, err := Connect()
	if err != nil {
		return nil, err
	}
	defer api.Close()
	folders, err := runs(ctx, api)
	if err != nil {
		return nil, err
	}
	var swept []string
	for _, id := range sortedKeys(folders) {
		lock, dead, err := dead(folders[id])
		if err != nil {
			return swept, err
		}
		if !dead {
			continue
		}
		_, err = remove(ctx, api, labelRun+"="+id)
		if lock != nil {
			err = errors.Join(err, lock.Unlock())
		}
		if err != nil {
			return swept, fmt.Errorf("docker: sweep run %s: %w", id, err)
		}
		swept = append(swept, id)
	}
	return swept, nil
}

// dead says whether no run lives in a folder, and holds its lock while what it
// left is removed. A folder that has vanished has no run.
func dead(folder string) (*FolderLock, bool, error) {
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return nil, true, nil
	}
	lock, err := Lock(folder)
	if errors.Is(err, ErrLocked) {
		return nil, false, nil
	}
	return lock, err == nil, err
}

// runs finds the runs of which anything is left, with their folders.
func runs(ctx context.Context, api *client.Client) (map[string]string, error) {
	found := map[string]string{}
	note := func(labels map[string]string) { found[labels[labelRun]] = labels[labelFolder] }
	by := filters.NewArgs(filters.Arg("label", labelRun))
	containers, err := api.ContainerList(ctx, container.ListOptions{All: true, Filters: by})
	if err != nil {
		return nil, fmt.Errorf("docker: list containers: %w", err)
	}
	for _, c := range containers {
		note(c.Labels)
	}
	networks, err := api.NetworkList(ctx, network.ListOptions{Filters: by})
	if err != nil {
		return nil, fmt.Errorf("docker: list networks: %w", err)
	}
	for _, n := range networks {
		note(n.Labels)
	}
	volumes, err := api.VolumeList(ctx, volume.ListOptions{Filters: by})
	if err != nil {
		return nil, fmt.Errorf("docker: list volumes: %w", err)
	}
	for _, v := range volumes.Volumes {
		note(v.Labels)
	}
	return found, nil
}

// remove removes everything with a label: containers at once, then volumes and
// networks, which nothing uses any more. What is gone already is no error.
func remove(ctx context.Context, api *client.Client, label string) (int, error) {
	by := filters.NewArgs(filters.Arg("label", label))
	count := 0
	containers, err := api.ContainerList(ctx, container.ListOptions{All: true, Filters: by})
	if err != nil {
		return 0, fmt.Errorf("docker: list containers: %w", err)
	}
	var group errgroup.Group
	for _, c := range containers {
		group.Go(func() error {
			return gone(api.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
		})
	}
	count += len(containers)
	if err := group.Wait(); err != nil {
		return count, fmt.Errorf("docker: remove containers: %w", err)
	}
	volumes, err := api.VolumeList(ctx, volume.ListOptions{Filters: by})
	if err != nil {
		return count, fmt.Errorf("docker: list volumes: %w", err)
	}
	for _, v := range volumes.Volumes {
		count++
		if err := gone(api.VolumeRemove(ctx, v.Name, true)); err != nil {
			return count, fmt.Errorf("docker: remove volume %s: %w", v.Name, err)
		}
	}
	networks, err := api.NetworkList(ctx, network.ListOptions{Filters: by})
	if err != nil {
		return count, fmt.Errorf("docker: list networks: %w", err)
	}
	for _, n := range networks {
		count++
		if err := gone(api.NetworkRemove(ctx, n.ID)); err != nil {
			return count, fmt.Errorf("docker: remove network %s: %w", n.Name, err)
		}
	}
	return count, nil
}

func gone(err error) error {
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
