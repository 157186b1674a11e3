package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"partita/harness/cluster"
	"partita/nemesis/wire"
)

// maxAgentBody bounds an agent's answer: a long run's log is the largest.
const maxAgentBody = 256 << 20

// Agent sends one command to a node's agent and decodes its answer from JSON
// into command.Into; a *[]byte takes it as it came. Commands are never sent a
// second time.
func (c *Cluster) Agent(ctx context.Context, command cluster.Command) error {
	i, err := c.find(command.Node)
	if err != nil {
		return err
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	if err := c.call(ctx, c.Nodes()[i].Agent, command); err != nil {
		return fmt.Errorf("agent of %s: %w", command.Node, err)
	}
	return nil
}

func (c *Cluster) call(ctx context.Context, addr string, command cluster.Command) error {
	req, err := newRequest(ctx, addr, c.spec.Token, command)
	if err != nil {
		return fmt.Errorf("%s: %w", command.Path, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", command.Path, err)
	}
	defer resp.Body.Close()
	if err := answer(resp, command.Into, maxAgentBody); err != nil {
		return fmt.Errorf("%s: %w", command.Path, err)
	}
	return nil
}

// newRequest puts a command into HTTP: what only asks is a GET, the rest POSTs
// its body as JSON.
func newRequest(ctx context.Context, addr, token string, command cluster.Command) (*http.Request, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if !readOnly(command.Path) {
		method = http.MethodPost
		if command.Body != nil {
			text, err := json.Marshal(command.Body)
			if err != nil {
				return nil, err
			}
			body = bytes.NewReader(text)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+command.Path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// answer takes an agent's answer apart. One longer than limit bytes is an
// error, never a shorter answer.
func answer(resp *http.Response, into any, limit int64) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if int64(len(text)) > limit {
		return fmt.Errorf("answer: longer than %d bytes", limit)
	}
	if resp.StatusCode != http.StatusOK {
		var e wire.Error
		if json.Unmarshal(text, &e) != nil || e.Message == "" {
			e.Message = strings.TrimSpace(string(text[:min(len(text), 1024)]))
		}
		return fmt.Errorf("%s: %s", resp.Status, e.Message)
	}
	switch into := into.(type) {
	case nil:
		return nil
	case *[]byte:
		*into = text
		return nil
	default:
		if err := json.Unmarshal(text, into); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
		return nil
	}
}

// readOnly says whether a path is asked for with GET.
func readOnly(path string) bool {
	path, _, _ = strings.Cut(path, "?")
	return path == wire.PathState || path == wire.PathProbes || path == wire.PathLog
}
