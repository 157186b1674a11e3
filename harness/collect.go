package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"partita/harness/cluster"
	"partita/nemesis/wire"
	"partita/node/api"
)

// collect heals what may be left and takes the nodes' logs and their agents'
// states into the run's folder.
func (x *execution) collect(ctx context.Context) error {
	var all sync.WaitGroup
	failed := make([]error, x.scenario.Nodes)
	for i, name := range x.scenario.NodeNames() {
		all.Go(func() { failed[i] = x.collectNode(ctx, name) })
	}
	all.Wait()
	return errors.Join(failed...)
}

func (x *execution) collectNode(ctx context.Context, name string) error {
	var state wire.State
	var log []byte
	for _, c := range []cluster.Command{
		{Node: name, Path: wire.PathHeal},
		{Node: name, Path: wire.PathState, Into: &state},
		{Node: name, Path: wire.PathLog, Into: &log},
	} {
		ctx, cancel := context.WithTimeout(ctx, logTimeout)
		err := x.cluster.Agent(ctx, c)
		cancel()
		if err != nil {
			return fmt.Errorf("collecting: %w", err)
		}
	}
	if err := x.run.WriteNode(state, log); err != nil {
		return err
	}
	if err := x.keepMetrics(ctx, name); err != nil {
		x.log.Warn("metrics not kept", "node", name, "error", err.Error()) // a dead node has none
	}
	return nil
}

// keepMetrics writes a node's Prometheus metrics beside its log.
func (x *execution) keepMetrics(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, metricsTimeout)
	defer cancel()
	for _, n := range x.cluster.Nodes() {
		if n.Name != name {
			continue
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Client+api.PathMetrics, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(io.LimitReader(resp.Body, maxMetrics))
		if err != nil {
			return err
		}
		return x.run.WriteMetrics(name, text)
	}
	return nil
}

// keepData copies the data directories of the nodes.
func (x *execution) keepData(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	var all sync.WaitGroup
	failed := make([]error, x.scenario.Nodes)
	for i, name := range x.scenario.NodeNames() {
		all.Go(func() { failed[i] = x.cluster.FetchData(ctx, name, x.run.NodeDir(name)) })
	}
	all.Wait()
	return errors.Join(failed...)
}
