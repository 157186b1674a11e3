package kv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"partita/node/api"
)

func command(t testing.TB, r api.Request) []byte {
	t.Helper()
	b, err := Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestApply(t *testing.T) {
	long := strings.Repeat("x", MaxValue)
	cases := []struct {
		name    string
		given   map[string]string
		request api.Request
		want    Result
		after   map[string]string
	}{
		{"put on nothing", nil, api.Request{Op: api.Put, Key: "a", Value: "1"}, Result{}, map[string]string{"a": "1"}},
		{"put on a value", map[string]string{"a": "0"}, api.Request{Op: api.Put, Key: "a", Value: "1"},
			Result{Found: true}, map[string]string{"a": "1"}},
		{"put of the empty value", nil, api.Request{Op: api.Put, Key: "a"}, Result{}, map[string]string{"a": ""}},
		{"delete", map[string]string{"a": "0", "b": "1"}, api.Request{Op: api.Delete, Key: "a"},
			Result{Found: true}, map[string]string{"b": "1"}},
		{"delete of nothing", nil, api.Request{Op: api.Delete, Key: "a"}, Result{}, nil},
		{"cas hits", map[string]string{"a": "0"}, api.Request{Op: api.CAS, Key: "a", Old: "0", Value: "1"},
			Result{Found: true, Swapped: true}, map[string]string{"a": "1"}},
		{"cas misses", map[string]string{"a": "2"}, api.Request{Op: api.CAS, Key: "a", Old: "0", Value: "1"},
			Result{Found: true}, map[string]string{"a": "2"}},
		{"cas of the empty value on nothing misses", nil, api.Request{Op: api.CAS, Key: "a", Old: "", Value: "1"},
			Result{}, nil},
		{"cas of the empty value on it hits", map[string]string{"a": ""}, api.Request{Op: api.CAS, Key: "a", Value: "1"},
			Result{Found: true, Swapped: true}, map[string]string{"a": "1"}},
		{"cas of absent on nothing hits", nil, api.Request{Op: api.CAS, Key: "a", OldAbsent: true, Value: "1"},
			Result{Swapped: true}, map[string]string{"a": "1"}},
		{"cas of absent on the empty value misses", map[string]string{"a": ""},
			api.Request{Op: api.CAS, Key: "a", OldAbsent: true, Value: "1"}, Result{Found: true}, map[string]string{"a": ""}},
		{"append", map[string]string{"a": "x"}, api.Request{Op: api.Append, Key: "a", Value: "y"},
			Result{Found: true, Value: "xy"}, map[string]string{"a": "xy"}},
		{"append on nothing", nil, api.Request{Op: api.Append, Key: "a", Value: "y"},
			Result{Value: "y"}, map[string]string{"a": "y"}},
		{"append past the limit", map[string]string{"a": long}, api.Request{Op: api.Append, Key: "a", Value: "y"},
			Result{Found: true, Code: api.BadRequest, Refused: "the value would have 262145 bytes; at most 262144 are allowed"},
			map[string]string{"a": long}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := New(DefaultLimits())
			for k, v := range c.given {
				s.set(k, v)
			}
			if got := s.Apply(1, command(t, c.request)); got != c.want {
				t.Errorf("result %+v, want %+v", got, c.want)
			}
			if s.Len() != len(c.after) {
				t.Errorf("%d keys, want %d", s.Len(), len(c.after))
			}
			for k, v := range c.after {
				if got, found := s.Get(k); !found || got != v {
					t.Errorf("%s is %.20q, %v", k, got, found)
				}
			}
		})
	}
}

func TestMalformedCommandChangesNothing(t *testing.T) {
	s := New(DefaultLimits())
	s.set("a", "1")
	before := s.Snapshot()
	if r := s.Apply(1, []byte("rubbish")); r.Refused == "" {
		t.Errorf("rubbish was applied: %+v", r)
	}
	if !bytes.Equal(before, s.Snapshot()) {
		t.Error("rubbish changed the store")
	}
}

func TestValidate(t *testing.T) {
	cases := []struct {
		name    string
		request api.Request
		want    string // part of the complaint; empty: valid
	}{
		{"get", api.Request{Op: api.Get, Key: "a"}, ""},
		{"cas", api.Request{Op: api.CAS, Key: "a", Old: "1", Value: "2"}, ""},
		{"longest key", api.Request{Op: api.Get, Key: strings.Repeat("k", MaxKey)}, ""},
		{"no op", api.Request{Key: "a"}, `op "" is unknown`},
		{"unknown op", api.Request{Op: "incr", Key: "a"}, `op "incr" is unknown`},
		{"no key", api.Request{Op: api.Get}, "key is empty"},
		{"long key", api.Request{Op: api.Get, Key: strings.Repeat("k", MaxKey+1)}, "at most 512"},
		{"long value", api.Request{Op: api.Put, Key: "a", Value: strings.Repeat("v", MaxValue+1)}, "at most 262144"},
		{"long old", api.Request{Op: api.CAS, Key: "a", Old: strings.Repeat("v", MaxValue+1)}, "at most 262144"},
		{"not UTF-8", api.Request{Op: api.Put, Key: "a", Value: "\xff"}, "UTF-8"},
		{"old of a put", api.Request{Op: api.Put, Key: "a", Old: "1"}, "cas alone"},
		{"old and absent", api.Request{Op: api.CAS, Key: "a", Old: "1", OldAbsent: true}, "exclude"},
		{"in a session", api.Request{Op: api.Put, Key: "a", Session: 7, Number: 1}, ""},
		{"open", api.Request{Op: api.OpenSession}, ""},
		{"close", api.Request{Op: api.CloseSession, Session: 7}, ""},
		{"stale read", api.Request{Op: api.Get, Key: "a", Reads: api.StaleRead}, ""},
		{"read in a session", api.Request{Op: api.Get, Key: "a", Session: 7, Number: 1}, "takes no session"},
		{"no number", api.Request{Op: api.Put, Key: "a", Session: 7}, "number is missing"},
		{"no session", api.Request{Op: api.Put, Key: "a", Number: 7}, "without a session"},
		{"open of a session", api.Request{Op: api.OpenSession, Session: 7}, "it gives one"},
		{"open with a key", api.Request{Op: api.OpenSession, Key: "a"}, "takes no key"},
		{"close of nothing", api.Request{Op: api.CloseSession}, "session is missing"},
		{"close with a number", api.Request{Op: api.CloseSession, Session: 7, Number: 1}, "takes no key, value, old or number"},
		{"stale write", api.Request{Op: api.Put, Key: "a", Reads: api.StaleRead}, "belongs to get"},
		{"unknown reads", api.Request{Op: api.Get, Key: "a", Reads: "dirty"}, `reads "dirty" is unknown`},
		{"value of a get", api.Request{Op: api.Get, Key: "a", Value: "1"}, "takes no value"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := Validate(c.request)
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestCommandRoundTrip(t *testing.T) {
	for _, r := range []api.Request{
		{Op: api.Put, Key: "a", Value: "1"},
		{Op: api.Delete, Key: "a"},
		{Op: api.CAS, Key: "a", Value: "1", Old: "0"},
		{Op: api.CAS, Key: "a", Value: "1", OldAbsent: true},
		{Op: api.Append, Key: "ключ", Value: strings.Repeat("v", 1000)},
		{Op: api.CAS, Key: "a", Value: "1", OldAbsent: true, Session: 1 << 40, Number: 1<<64 - 1},
		{Op: api.OpenSession},
		{Op: api.CloseSession, Session: 300},
	} {
		got, err := Decode(command(t, r))
		if err != nil || got != r {
			t.Errorf("%+v came back as %+v, %v", r, got, err)
		}
	}
	if _, err := Encode(api.Request{Op: api.Get, Key: "a"}); err == nil {
		t.Error("a get was encoded")
	}
}

func TestSnapshot(t *testing.T) {
	s := New(DefaultLimits())
	s.set("b", "2")
	s.set("a", "1")
	s.set("c", "")
	snapshot := s.Snapshot()
	other := New(DefaultLimits())
	other.set("zzz", "gone")
	if err := other.Restore(snapshot); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(other.Snapshot(), snapshot) || other.bytes != s.bytes {
		t.Error("the restored store differs")
	}
	if err := other.Restore(New(DefaultLimits()).Snapshot()); err != nil || other.Len() != 0 {
		t.Errorf("the empty snapshot: %v, %d keys", err, other.Len())
	}
}

func TestRestoreRefuses(t *testing.T) {
	s := New(DefaultLimits())
	s.set("a", "1")
	s.set("b", "2")
	good := s.Snapshot()
	sealed := func(body string) []byte {
		return binary.LittleEndian.AppendUint32([]byte(body), crc32.Checksum([]byte(body), castagnoli))
	}
	cases := map[string][]byte{
		"nothing":                   nil,
		"a flipped bit":             append(append([]byte{}, good[:6]...), append([]byte{good[6] ^ 1}, good[7:]...)...),
		"a missing byte":            good[:len(good)-1],
		"another magic":             sealed("XXXX\x00"),
		"keys out of turn":          sealed("PKV2\x02\x01b\x012\x01a\x011\x00"),
		"a repeated key":            sealed("PKV2\x02\x01a\x012\x01a\x011\x00"),
		"an empty key":              sealed("PKV2\x01\x00\x011\x00"),
		"a hostile count":           sealed("PKV2\xff\xff\xff\xff\x0f\x01a\x011"),
		"a long count":              sealed("PKV2\x80\x00"),
		"cut short":                 sealed("PKV2\x01\x01a\x051"),
		"no sessions":               sealed("PKV2\x01\x01a\x011"),
		"a session without an ID":   sealed("PKV2\x00\x01\x00\x05\x01\x00\x00"),
		"one used before it was":    sealed("PKV2\x00\x01\x06\x05\x01\x00\x00"),
		"sessions out of turn":      sealed("PKV2\x00\x02\x04\x05\x01\x00\x00\x03\x04\x01\x00\x00"),
		"two used by one entry":     sealed("PKV2\x00\x02\x04\x05\x01\x00\x00\x03\x05\x01\x00\x00"),
		"a repeated session":        sealed("PKV2\x00\x02\x04\x05\x01\x00\x00\x04\x06\x01\x00\x00"),
		"a result of nothing":       sealed("PKV2\x00\x01\x04\x05\x00\x01\x00"),
		"a result of unknown flags": sealed("PKV2\x00\x01\x04\x05\x01\x08\x00"),
		"a hostile number":          sealed("PKV2\x00\xff\xff\xff\xff\x0f"),
		"a session cut short":       sealed("PKV2\x00\x01\x04\x05\x01\x00\x03ab"),
		"bytes too many":            sealed("PKV2\x01\x01a\x011\x00z"),
	}
	for name, snapshot := range cases {
		t.Run(name, func(t *testing.T) {
			target := New(DefaultLimits())
			target.set("kept", "yes")
			if err := target.Restore(snapshot); !errors.Is(err, ErrSnapshot) {
				t.Errorf("got %v", err)
			}
			if _, kept := target.Get("kept"); !kept {
				t.Error("a refused snapshot changed the store")
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(command(f, api.Request{Op: api.CAS, Key: "a", Value: "1", Old: "0"}))
	f.Add([]byte{1, 1, 0, 0x81, 0x00, 'a', 0, 0})
	f.Add(command(f, api.Request{Op: api.Append, Key: "a", Value: "1", Session: 300, Number: 2}))
	f.Add(command(f, api.Request{Op: api.OpenSession}))
	f.Add([]byte{1, 2, flagSession, 0, 1, 1, 'a', 0, 0}) // the session that is none
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Encode(r)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x decodes to %+v, which encodes to %x, %v", b, r, again, err)
		}
	})
}

func FuzzRestore(f *testing.F) {
	s := New(DefaultLimits())
	s.set("a", "1")
	s.Apply(1, command(f, api.Request{Op: api.OpenSession}))
	s.Apply(2, command(f, api.Request{Op: api.OpenSession}))
	s.Apply(3, command(f, api.Request{Op: api.Append, Key: "a", Value: "2", Session: 1, Number: 1}))
	snapshot := s.Snapshot()
	f.Add(snapshot[:len(snapshot)-crcSize])
	f.Fuzz(func(t *testing.T, body []byte) {
		// The fuzzer cannot guess checksums, so it gets a right one.
		b := binary.LittleEndian.AppendUint32(body[:len(body):len(body)], crc32.Checksum(body, castagnoli))
		store := New(DefaultLimits())
		if err := store.Restore(b); err != nil {
			return
		}
		if !bytes.Equal(store.Snapshot(), b) {
			t.Fatalf("%x is restored and comes back as %x", b, store.Snapshot())
		}
	})
}
