package register

import (
	"encoding/json"
	"errors"

	"partita/harness/generator"
	"partita/harness/history"
)

// What may be wrong with an operation of a script.
var (
	errNoValue = errors.New("want none: only a change writes a value")
	errValue   = errors.New("want a whole number: what the change writes")
	errNoOld   = errors.New("want none: only a compare-and-set expects a value")
	errOld     = errors.New("want a whole number or null: what the compare-and-set expects")
	errNoHow   = errors.New("want none: there is one way to ask")
)

// CheckStep says what is wrong with the values of an operation of a script, and
// which key of it that is.
func CheckStep(s generator.Step) (key string, err error) {
	number := func(raw json.RawMessage) bool {
		_, err := history.ParseInt(raw)
		return err == nil
	}
	switch {
	case s.F == Read && s.Value != nil:
		return "value", errNoValue
	case s.F != Read && !number(s.Value):
		return "value", errValue
	case s.F != CAS && s.Old != nil:
		return "old", errNoOld
	case s.F == CAS && (s.Old == nil || !history.IsNull(s.Old) && !number(s.Old)):
		return "old", errOld
	case s.How != "":
		return "how", errNoHow
	}
	return "", nil
}
