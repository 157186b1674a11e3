package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"partita/node/api"
)

// Limits of a request, in bytes. MaxValue also bounds what appends may make
// of a value.
const (
	MaxKey   = 512
	MaxValue = 256 << 10
)

// ErrMalformed is wrapped by every error that Decode returns.
var ErrMalformed = errors.New("malformed command")

// version opens every command, so that a later encoding can tell itself apart.
const version = 2

// The flags of a command.
const (
	flagOldAbsent = 1 // a compare-and-set that expects no value
	flagSession   = 2 // session and number follow
	allFlags      = flagOldAbsent | flagSession
)

// The operations that stand in a log, by their byte there. A get does not.
var opBytes = map[api.Op]byte{
	api.Put: 1, api.Delete: 2, api.CAS: 3, api.Append: 4, api.OpenSession: 5, api.CloseSession: 6,
}

var opNames = [...]api.Op{
	1: api.Put, 2: api.Delete, 3: api.CAS, 4: api.Append, 5: api.OpenSession, 6: api.CloseSession,
}

// Validate says what is wrong with a request, in words for the one who sent
// it. A request that passes and writes can be encoded and applied.
func Validate(r api.Request) error {
	if _, writes := opBytes[r.Op]; !writes && r.Op != api.Get {
		return fmt.Errorf("op %q is unknown; it is one of get, put, delete, cas, append, open_session, close_session", r.Op)
	}
	if r.Reads != "" && r.Op != api.Get {
		return fmt.Errorf("reads belongs to get alone, not to %s", r.Op)
	}
	switch r.Reads {
	case "", api.ReadIndex, api.LeaseRead, api.StaleRead:
	default:
		return fmt.Errorf("reads %q is unknown; it is one of %s, %s, %s", r.Reads, api.ReadIndex, api.LeaseRead, api.StaleRead)
	}
	if r.Op == api.OpenSession || r.Op == api.CloseSession {
		return validateOfSession(r)
	}
	if err := validateValues(r); err != nil {
		return err
	}
	switch {
	case r.Op == api.Get && (r.Session != 0 || r.Number != 0):
		return errors.New("get takes no session: a read may be repeated as it is")
	case r.Session != 0 && r.Number == 0:
		return errors.New("number is missing; the numbers of a session's writes rise from 1")
	case r.Session == 0 && r.Number != 0:
		return errors.New("number is given without a session")
	}
	return nil
}

// validateOfSession says what is wrong with a request that opens or closes a
// session.
func validateOfSession(r api.Request) error {
	switch {
	case r.Key != "" || r.Value != "" || r.Old != "" || r.OldAbsent || r.Number != 0:
		return fmt.Errorf("%s takes no key, value, old or number", r.Op)
	case r.Op == api.OpenSession && r.Session != 0:
		return errors.New("open_session takes no session: it gives one")
	case r.Op == api.CloseSession && r.Session == 0:
		return errors.New("session is missing: close_session closes one")
	}
	return nil
}

// validateValues says what is wrong with key and values.
func validateValues(r api.Request) error {
	if r.Key == "" {
		return errors.New("key is empty")
	}
	if len(r.Key) > MaxKey {
		return fmt.Errorf("key has %d bytes; at most %d are allowed", len(r.Key), MaxKey)
	}
	if len(r.Value) > MaxValue || len(r.Old) > MaxValue {
		return fmt.Errorf("value has %d bytes; at most %d are allowed", max(len(r.Value), len(r.Old)), MaxValue)
	}
	for _, s := range []string{r.Key, r.Value, r.Old} {
		if !utf8.ValidString(s) {
			return errors.New("key and values must be UTF-8")
		}
	}
	if r.Op != api.CAS && (r.Old != "" || r.OldAbsent) {
		return fmt.Errorf("old and old_absent belong to cas alone, not to %s", r.Op)
	}
	if r.OldAbsent && r.Old != "" {
		return errors.New("old and old_absent exclude each other")
	}
	if (r.Op == api.Get || r.Op == api.Delete) && r.Value != "" {
		return fmt.Errorf("%s takes no value", r.Op)
	}
	return nil
}

// Encode gives the command of a valid request that writes. Session and number
// are there only with their flag.
//
//	+---------+----+-------+---------+---------+---------+-----+---------+-------+---------+-----+
//	| version | op | flags | uvarint | uvarint | uvarint | key | uvarint | value | uvarint | old |
//	|   1     | 1  |   1   | session | number  | length  |     | length  |       | length  |     |
//	+---------+----+-------+---------+---------+---------+-----+---------+-------+---------+-----+
func Encode(r api.Request) ([]byte, error) {
	op, writes := opBytes[r.Op]
	if !writes {
		return nil, fmt.Errorf("kv: encode: %s does not write", r.Op)
	}
	if err := Validate(r); err != nil {
		return nil, fmt.Errorf("kv: encode: %w", err)
	}
	var flags byte
	if r.OldAbsent {
		flags |= flagOldAbsent
	}
	if r.Session != 0 {
		flags |= flagSession
	}
	b := make([]byte, 0, 3+2*binary.MaxVarintLen64+3*binary.MaxVarintLen32+len(r.Key)+len(r.Value)+len(r.Old))
	b = append(b, version, op, flags)
	if r.Session != 0 {
		b = binary.AppendUvarint(b, r.Session)
		b = binary.AppendUvarint(b, r.Number)
	}
	b = appendString(b, r.Key)
	b = appendString(b, r.Value)
	return appendString(b, r.Old), nil
}

// Decode gives the request of a command. It accepts exactly what Encode
// makes of valid requests.
func Decode(b []byte) (api.Request, error) {
	if len(b) < 3 {
		return api.Request{}, fmt.Errorf("kv: %w: %d bytes", ErrMalformed, len(b))
	}
	if b[0] != version {
		return api.Request{}, fmt.Errorf("kv: %w: version %d", ErrMalformed, b[0])
	}
	if b[1] == 0 || int(b[1]) >= len(opNames) {
		return api.Request{}, fmt.Errorf("kv: %w: op %d", ErrMalformed, b[1])
	}
	if b[2]&^allFlags != 0 {
		return api.Request{}, fmt.Errorf("kv: %w: flags %#x", ErrMalformed, b[2])
	}
	r := api.Request{Op: opNames[b[1]], OldAbsent: b[2]&flagOldAbsent != 0}
	rest := b[3:]
	if b[2]&flagSession != 0 {
		var ok bool
		if r.Session, rest, ok = cutUvarint(rest); ok {
			r.Number, rest, ok = cutUvarint(rest)
		}
		if !ok || r.Session == 0 {
			return api.Request{}, fmt.Errorf("kv: %w: session or number", ErrMalformed)
		}
	}
	for _, field := range []*string{&r.Key, &r.Value, &r.Old} {
		var ok bool
		if *field, rest, ok = cutString(rest); !ok {
			return api.Request{}, fmt.Errorf("kv: %w: cut short", ErrMalformed)
		}
	}
	if len(rest) != 0 {
		return api.Request{}, fmt.Errorf("kv: %w: %d bytes too many", ErrMalformed, len(rest))
	}
	if err := Validate(r); err != nil {
		return api.Request{}, fmt.Errorf("kv: %w: %w", ErrMalformed, err)
	}
	return r, nil
}

// appendString appends a length and the string.
func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// cutString takes a length and its string off the front of b.
func cutString(b []byte) (s string, rest []byte, ok bool) {
	n, b, ok := cutUvarint(b)
	if !ok || n > uint64(len(b)) {
		return "", nil, false
	}
	return string(b[:n]), b[n:], true
}

// cutUvarint takes a number off the front of b. One that is not in its
// shortest form is refused, so that everything has one encoding.
func cutUvarint(b []byte) (n uint64, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || (size > 1 && b[size-1] == 0) {
		return 0, nil, false
	}
	return n, b[size:], true
}
