package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Null is the value of what is absent.
func Null() json.RawMessage { return json.RawMessage("null") }

// Int is a whole number as a value.
func Int(n int64) json.RawMessage { return strconv.AppendInt(nil, n, 10) }

// String is a text as a value.
func String(s string) json.RawMessage {
	raw, err := json.Marshal(s)
	if err != nil {
		panic("invariant: every string has a JSON form: " + err.Error())
	}
	return raw
}

// IsNull says whether a value is absent: null, or not there at all.
func IsNull(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null"))
}

// ParseInt reads a value as a whole number.
func ParseInt(raw json.RawMessage) (int64, error) {
	n, err := strconv.ParseInt(string(bytes.TrimSpace(raw)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("history: value %s is not a whole number", raw)
	}
	return n, nil
}

// Canonical is a value as text that is equal for equal values written by
// Null, Int and String: its compact JSON, "null" for what is not there.
func Canonical(raw json.RawMessage) string {
	if IsNull(raw) {
		return "null"
	}
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return string(raw)
	}
	return b.String()
}
