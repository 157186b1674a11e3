package core

import (
	"slices"
	"testing"
)

// TestDecodeRefuses: a state that is cut short or goes on too long is none, nor
// is one with a truth value that is neither, or without any configuration.
func TestDecodeRefuses(t *testing.T) {
	cfg := fullCore().cfg
	b := fullCore().AppendState(nil, nil)
	for n := range b {
		if _, err := DecodeState(cfg, b[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are decoded", n, len(b))
		}
	}
	if _, err := DecodeState(cfg, append(b, 0)); err == nil {
		t.Error("one byte more is decoded")
	}
	b[0] = 2 // started
	if _, err := DecodeState(cfg, b); err == nil {
		t.Error("a truth value of 2 is decoded")
	}
	c := fullCore()
	c.configs = nil
	if _, err := DecodeState(cfg, c.AppendState(nil, nil)); err == nil {
		t.Error("a state that nobody is a member of is decoded")
	}
}

// TestRenamedConfigurations: a configuration in the log is renamed as the one in
// force is, and sorted anew; without new names it stays as it is.
func TestRenamedConfigurations(t *testing.T) {
	was := Membership{Voters: []NodeID{1, 2}, Learners: []NodeID{3}}
	for name, r := range map[string]struct {
		rename []NodeID
		want   Membership
	}{
		"nobody":   {nil, was},
		"everyone": {[]NodeID{0, 3, 1, 2}, Membership{Voters: []NodeID{1, 3}, Learners: []NodeID{2}}},
	} {
		e := Envelope{From: 1, To: 2, Term: 1, Message: Append{Entries: []Entry{{Index: 1, Term: 1, Kind: Configuration, Data: was.AppendTo(nil)}}}}
		d, err := DecodeEnvelope(e.AppendTo(nil, r.rename))
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeMembership(d.Message.(Append).Entries[0].Data)
		if err != nil || !slices.Equal(got.Voters, r.want.Voters) || !slices.Equal(got.Learners, r.want.Learners) {
			t.Errorf("with %s renamed it is %v, %v", name, got, err)
		}
	}
}
