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
const magic = "PKV2"

// crcSize is the length of the checksum at the end of a snapshot.
const crcSize = 4

// castagnoli is the polynomial that processors compute in hardware.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// The flags of a remembered result.
const (
	resultFound    = 1
	resultSwapped  = 2
	resultRefused  = 4 // its text is why, not a value
	allResultFlags = resultFound | resultSwapped | resultRefused
)

// Snapshot gives the whole store as bytes: the same for the same contents.
//
//	+------+---------+-----------+---------+-----------+--------+
//	| PKV2 | uvarint | count     | uvarint | count     | CRC32C |
//	|  4   | count   | times key | count   | times     | 4, LE  |
//	|      |         | and value |         | a session |        |
//	+------+---------+-----------+---------+-----------+--------+
//
// Keys rise strictly, and each key and value has its length before it, as a
// uvarint. A session is as follows, the least recently used first; text is the
// value that its latest command gave, or why that was refused.
//
//	+---------+---------+---------+-------+---------+------+
//	| uvarint | uvarint | uvarint | flags | uvarint | text |
//	| id      | used    | number  |   1   | length  |      |
//	+---------+---------+---------+-------+---------+------+
func (s *Store) Snapshot() []byte {
	const perKey, perSession = 6, 16 // numbers and lengths, as a guess
	b := make([]byte, 0, len(magic)+2*binary.MaxVarintLen64+s.bytes+perKey*len(s.values)+
		s.sessions.bytes+perSession*s.Sessions()+crcSize)
	b = append(b, magic...)
	b = binary.AppendUvarint(b, uint64(len(s.values)))
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		b = appendString(b, key)
		b = appendString(b, s.values[key])
	}
	b = binary.AppendUvarint(b, uint64(s.Sessions()))
	for element := s.sessions.order.Front(); element != nil; element = element.Next() {
		b = element.Value.(*session).append(b)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func (s *session) append(b []byte) []byte {
	b = binary.AppendUvarint(b, s.id)
	b = binary.AppendUvarint(b, s.used)
	b = binary.AppendUvarint(b, s.number)
	flags, text := byte(0), s.result.Value
	if s.result.Found {
		flags |= resultFound
	}
	if s.result.Swapped {
		flags |= resultSwapped
	}
	if s.result.Code != "" {
		flags, text = flags|resultRefused, s.result.Refused
	}
	return appendString(append(b, flags), text)
}

// Restore replaces the store's contents by those of a snapshot. After an
// error the store is as it was.
func (s *Store) Restore(snapshot []byte) error {
	if len(snapshot) < len(magic)+2+crcSize {
		return fmt.Errorf("kv: %w: %d bytes", ErrSnapshot, len(snapshot))
	}
	if string(snapshot[:len(magic)]) != magic {
		return fmt.Errorf("kv: %w: it begins with %q, not %q", ErrSnapshot, snapshot[:len(magic)], magic)
	}
	body, sum := snapshot[:len(snapshot)-crcSize], snapshot[len(snapshot)-crcSize:]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(sum) {
		return fmt.Errorf("kv: %w: checksum", ErrSnapshot)
	}
	next := New(s.sessions.limits)
	next.sessions.counts = s.sessions.counts
	rest, err := next.restoreValues(body[len(magic):])
	if err == nil {
		rest, err = next.sessions.restore(rest)
	}
	if err != nil {
		return err
	}
	if len(rest) != 0 {
		return fmt.Errorf("kv: %w: %d bytes too many", ErrSnapshot, len(rest))
	}
	*s = *next
	return nil
}

// restoreValues takes the keys and values off the front of b.
func (s *Store) restoreValues(b []byte) (rest []byte, err error) {
	count, rest, ok := cutUvarint(b)
	// Each pair takes two bytes at least, which bounds what a hostile count can reserve.
	if !ok || count > uint64(len(rest))/2 {
		return nil, fmt.Errorf("kv: %w: count", ErrSnapshot)
	}
	s.values = make(map[string]string, count)
	previous := ""
	for range count {
		var key, value string
		if key, rest, ok = cutString(rest); ok {
			value, rest, ok = cutString(rest)
		}
		if !ok {
			return nil, fmt.Errorf("kv: %w: cut short after key %q", ErrSnapshot, previous)
		}
		// The empty key is no key, so the first one too is above previous.
		if key <= previous || len(key) > MaxKey || len(value) > MaxValue {
			return nil, fmt.Errorf("kv: %w: key %q after %q, or too long", ErrSnapshot, key, previous)
		}
		s.set(key, value)
		previous = key
	}
	return rest, nil
}

// restore takes the sessions off the front of b.
func (s *sessions) restore(b []byte) (rest []byte, err error) {
	count, rest, ok := cutUvarint(b)
	if !ok {
		return nil, fmt.Errorf("kv: %w: count of sessions", ErrSnapshot)
	}
	previous := uint64(0)
	for range count {
		var held *session
		if held, rest, ok = cutSession(rest); !ok {
			return nil, fmt.Errorf("kv: %w: cut short after the session used at %d", ErrSnapshot, previous)
		}
		_, again := s.byID[held.id]
		if again || held.used <= previous || held.id == 0 || held.id > held.used || held.result.size() > MaxValue {
			return nil, fmt.Errorf("kv: %w: session %d used at %d, after one used at %d", ErrSnapshot, held.id, held.used, previous)
		}
		s.push(held)
		previous = held.used
	}
	return rest, nil
}

// cutSession takes a session off the front of b.
func cutSession(b []byte) (held *session, rest []byte, ok bool) {
	held, rest = &session{}, b
	for _, field := range []*uint64{&held.id, &held.used, &held.number} {
		if *field, rest, ok = cutUvarint(rest); !ok {
			return nil, nil, false
		}
	}
	if len(rest) == 0 || rest[0]&^allResultFlags != 0 {
		return nil, nil, false
	}
	flags := rest[0]
	text, rest, ok := cutString(rest[1:])
	if !ok || held.number == 0 && (flags != 0 || text != "") {
		return nil, nil, false
	}
	held.result = Result{Value: text, Found: flags&resultFound != 0, Swapped: flags&resultSwapped != 0}
	if flags&resultRefused != 0 {
		held.result.Value, held.result.Code, held.result.Refused = "", api.BadRequest, text
	}
	return held, rest, true
}
