package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"

	"partita/node/api"
)

// ErrSnapshot is wrapped by every error that Restore returns.
var ErrSnapshot = errors.New("bad snapshot")

// magic opens every snapshot and names its version.
const magic = "PKV1"

// crcSize is the length of the checksum at the end of a snapshot.
const crcSize = 4

// castagnoli is the polynomial that processors compute in hardware.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Store is the state: a value under each key that has one. One goroutine uses
// it at a time.
type Store struct {
	values map[string]string
	bytes  int // of all keys and values
}

// Result is what a command did. Value, Found and Swapped are as in api.Reply.
type Result struct {
	Value   string
	Found   bool
	Swapped bool
	// Refused, if not empty, says why the command changed nothing: every node
	// refuses it alike.
	Refused string
}

// New gives an empty store.
func New() *Store { return &Store{values: map[string]string{}} }

// Get gives the value under a key and whether there is one.
func (s *Store) Get(key string) (value string, found bool) {
	value, found = s.values[key]
	return value, found
}

// Len is the number of keys that have a value.
func (s *Store) Len() int { return len(s.values) }

// Apply carries out one command of the log. A malformed one changes nothing,
// on every node alike.
func (s *Store) Apply(command []byte) Result {
	r, err := Decode(command)
	if err != nil {
		return Result{Refused: err.Error()}
	}
	before, found := s.values[r.Key]
	result := Result{Found: found}
	switch r.Op {
	case api.Put:
		s.set(r.Key, r.Value)
	case api.Delete:
		s.drop(r.Key)
	case api.CAS:
		result.Swapped = found != r.OldAbsent && before == r.Old
		if result.Swapped {
			s.set(r.Key, r.Value)
		}
	case api.Append:
		if len(before)+len(r.Value) > MaxValue {
			result.Refused = fmt.Sprintf("the value would have %d bytes; at most %d are allowed",
				len(before)+len(r.Value), MaxValue)
			return result
		}
		result.Value = before + r.Value
		s.set(r.Key, result.Value)
	}
	return result
}

// Snapshot gives the whole store as bytes: the same for the same contents.
//
//	+------+---------+---------------------------------------+--------+
//	| PKV1 | uvarint | count times, keys strictly rising:    | CRC32C |
//	|  4   | count   | uvarint length, key, uvarint l., value | 4, LE |
//	+------+---------+---------------------------------------+--------+
func (s *Store) Snapshot() []byte {
	const perKey = 6 // two lengths, as a guess
	b := make([]byte, 0, len(magic)+binary.MaxVarintLen64+s.bytes+perKey*len(s.values)+crcSize)
	b = append(b, magic...)
	b = binary.AppendUvarint(b, uint64(len(s.values)))
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		b = appendString(b, key)
		b = appendString(b, s.values[key])
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// Restore replaces the store's contents by those of a snapshot. After an
// error the store is as it was.
func (s *Store) Restore(snapshot []byte) error {
	if len(snapshot) < len(magic)+1+crcSize {
		return fmt.Errorf("kv: %w: %d bytes", ErrSnapshot, len(snapshot))
	}
	if string(snapshot[:len(magic)]) != magic {
		return fmt.Errorf("kv: %w: it begins with %q, not %q", ErrSnapshot, snapshot[:len(magic)], magic)
	}
	body, sum := snapshot[:len(snapshot)-crcSize], snapshot[len(snapshot)-crcSize:]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(sum) {
		return fmt.Errorf("kv: %w: checksum", ErrSnapshot)
	}
	count, rest, ok := cutUvarint(body[len(magic):])
	// Each pair takes two bytes at least, which bounds what a hostile count can reserve.
	if !ok || count > uint64(len(rest))/2 {
		return fmt.Errorf("kv: %w: count", ErrSnapshot)
	}
	next := Store{values: make(map[string]string, count)}
	previous := ""
	for range count {
		var key, value string
		var ok bool
		if key, rest, ok = cutString(rest); ok {
			value, rest, ok = cutString(rest)
		}
		if !ok {
			return fmt.Errorf("kv: %w: cut short after key %q", ErrSnapshot, previous)
		}
		// The empty key is no key, so the first one too is above previous.
		if key <= previous || len(key) > MaxKey || len(value) > MaxValue {
			return fmt.Errorf("kv: %w: key %q after %q, or too long", ErrSnapshot, key, previous)
		}
		next.set(key, value)
		previous = key
	}
	if len(rest) != 0 {
		return fmt.Errorf("kv: %w: %d bytes too many", ErrSnapshot, len(rest))
	}
	*s = next
	return nil
}

func (s *Store) set(key, value string) {
	s.drop(key)
	s.values[key] = value
	s.bytes += len(key) + len(value)
}

func (s *Store) drop(key string) {
	if before, found := s.values[key]; found {
		s.bytes -= len(key) + len(before)
		delete(s.values, key)
	}
}
