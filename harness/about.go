package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"partita/docker"
	"partita/harness/catalogue"
	"partita/harness/store"
)

// versions says what runs. A simulated run needs no engine and asks for none.
func versions(ctx context.Context, where string) store.Versions {
	v := store.Versions{Partita: "unknown", Go: runtime.Version(), Kernel: docker.Kernel()}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Partita = info.Main.Version
	}
	if where == simCluster {
		return v
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	v.Engine = docker.EngineVersion(ctx)
	return v
}

// sources is the checkout that the command runs in, or else the one that holds
// this program.
func sources() (string, error) {
	root, err := catalogue.Root(".")
	if err == nil {
		return root, nil
	}
	if exe, exeErr := os.Executable(); exeErr == nil {
		if root, exeErr := catalogue.Root(filepath.Dir(exe)); exeErr == nil {
			return root, nil
		}
	}
	return "", err
}

// commit names the commit of the sources, and whether they were changed since;
// empty outside a checkout.
func commit(ctx context.Context) (hash string, dirty bool) {
	root, err := sources()
	if err != nil {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "git", "-C", root, "rev-parse", "HEAD").Output()
	if err != nil {
		return "", false
	}
	changes, err := exec.CommandContext(ctx, "git", "-C", root, "status", "--porcelain").Output()
	return string(bytes.TrimSpace(out)), err != nil || len(changes) > 0
}

// sortedKeys gives a map's keys in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
