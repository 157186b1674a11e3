package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"partita/nemesis/wire"
)

// maxProbeEvery bounds the pace of probes, in milliseconds: evidence needs
// several a fault.
const maxProbeEvery = 10_000

// setting is a configuration that was checked.
type setting struct {
	wire.Config
	addresses map[string]netip.Addr
}

// load reads and checks the configuration.
func load(path string) (setting, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return setting{}, fmt.Errorf("read the configuration: %w", err)
	}
	s, err := parse(text)
	if err != nil {
		return setting{}, fmt.Errorf("configuration %s: %w", path, err)
	}
	return s, nil
}

func parse(text []byte) (setting, error) {
	var s setting
	if err := decode(bytes.NewReader(text), &s.Config); err != nil {
		return s, err
	}
	s.addresses = map[string]netip.Addr{}
	for _, name := range slices.Sorted(maps.Keys(s.Peers)) {
		address, err := netip.ParseAddr(s.Peers[name])
		if err != nil || !address.Is4() {
			return s, fmt.Errorf("peers: %s is at %q, want an IPv4 address", name, s.Peers[name])
		}
		if name == "" || len(name) > 255 {
			return s, fmt.Errorf("peers: the name %q has %d bytes, want 1 to 255", name, len(name))
		}
		s.addresses[name] = address
	}
	return s, s.check()
}

// check says what is missing or impossible.
func (s setting) check() error {
	var wrong []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	_, known := s.Peers[s.Node]
	want(known, "node: %q is not among the peers", s.Node)
	unique := map[netip.Addr]bool{}
	for _, a := range s.addresses {
		unique[a] = true
	}
	want(len(unique) == len(s.addresses), "peers: two nodes have the same address")
	want(s.Token != "", "token: it is empty")
	want(len(s.Command) > 0, "command: it is empty")
	want(s.UID > 0 || s.UID == os.Geteuid(), "uid: %d, want an unprivileged user's", s.UID)
	want(filepath.IsAbs(s.Data), "data: %q is not an absolute path", s.Data)
	want(filepath.IsAbs(s.Log), "log: %q is not an absolute path", s.Log)
	for _, port := range []struct {
		name   string
		number int
	}{{"agent_port", s.AgentPort}, {"peer_port", s.PeerPort}, {"probe_port", s.ProbePort}} {
		want(port.number > 0 && port.number < 1<<16, "%s: %d, want 1 to 65535", port.name, port.number)
	}
	want(s.ProbeEvery > 0 && s.ProbeEvery <= maxProbeEvery, "probe_every_ms: %d, want 1 to %d", s.ProbeEvery, maxProbeEvery)
	return errors.Join(wrong...)
}

// decode reads one JSON value without unknown fields and with nothing behind
// it. Nothing at all leaves into as it is.
func decode(r io.Reader, into any) error {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}
