package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"partita/nemesis/wire"
)

// good is a configuration that is accepted.
func good() wire.Config {
	return wire.Config{
		RunID: "run", Node: "n1", Token: "secret", UID: 1000,
		Peers:   map[string]string{"n1": "127.0.0.1", "n2": "127.0.0.2"},
		Command: []string{"/bin/sleep", "1000"},
		Data:    "/data", Log: "/log/node.jsonl",
		AgentPort: 9000, PeerPort: 7000, ProbePort: 7100, ProbeEvery: 50,
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*wire.Config)
		want   string
	}{
		{"good", func(*wire.Config) {}, ""},
		{"a stranger", func(c *wire.Config) { c.Node = "n9" }, `node: "n9"`},
		{"a name for an address", func(c *wire.Config) { c.Peers["n2"] = "n2:7000" }, "want an IPv4 address"},
		{"IPv6", func(c *wire.Config) { c.Peers["n2"] = "::1" }, "want an IPv4 address"},
		{"one address twice", func(c *wire.Config) { c.Peers["n2"] = "127.0.0.1" }, "the same address"},
		{"a peer without a name", func(c *wire.Config) { c.Peers[""] = "127.0.0.9" }, "0 bytes"},
		{"a name too long", func(c *wire.Config) { c.Peers[strings.Repeat("x", 256)] = "127.0.0.9" }, "256 bytes"},
		{"no token", func(c *wire.Config) { c.Token = "" }, "token"},
		{"no command", func(c *wire.Config) { c.Command = nil }, "command"},
		{"no user", func(c *wire.Config) { c.UID = -1 }, "uid: -1"},
		{"relative data", func(c *wire.Config) { c.Data = "data" }, "data"},
		{"no log", func(c *wire.Config) { c.Log = "" }, "log"},
		{"no port", func(c *wire.Config) { c.AgentPort = 0 }, "agent_port: 0"},
		{"a port too high", func(c *wire.Config) { c.PeerPort = 65536 }, "peer_port: 65536"},
		{"no pace", func(c *wire.Config) { c.ProbeEvery = 0 }, "probe_every_ms: 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := good()
			c.change(&config)
			text, err := json.Marshal(config)
			if err != nil {
				t.Fatal(err)
			}
			s, err := parse(text)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if err == nil && s.addresses["n2"].String() != "127.0.0.2" {
				t.Errorf("addresses: %v", s.addresses)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown field": {`{"node":"n1","colour":"red"}`, `unknown field "colour"`},
		"wrong type":    {`{"node":7}`, "cannot unmarshal"},
		"two values":    {`{}{}`, "more than one JSON value"},
		"no JSON":       {`node: n1`, "invalid character"},
		"empty":         {``, "not among the peers"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "agent.json")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			err := run(t.Context(), []string{"--config", path}, os.Stderr)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want %q and the file's name", err, c.want)
			}
		})
	}
	if err := run(t.Context(), []string{"--config", filepath.Join(t.TempDir(), "none")}, os.Stderr); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := run(t.Context(), []string{"extra"}, os.Stderr); err == nil || !strings.Contains(err.Error(), "extra") {
		t.Errorf("an argument too many: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	text, err := json.Marshal(good())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"peers":{"n1":"::1"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := parse(text); err == nil && (!s.addresses[s.Node].Is4() || len(s.Command) == 0 || s.ProbeEvery <= 0) {
			t.Errorf("accepted: %q", text)
		}
	})
}
