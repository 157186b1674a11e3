package append

import (
	"errors"

	"partita/harness/generator"
	"partita/harness/history"
)

// What may be wrong with an operation of a script.
var (
	errNoValue = errors.New("want none: a read gives nothing")
	errValue   = errors.New("want a whole number: what is appended")
	errNoOld   = errors.New("want none: nothing is compared")
	errNoHow   = errors.New("want none: there is one way to ask")
)

// CheckStep says what is wrong with the values of an operation of a script, and
// which key of it that is.
func CheckStep(s generator.Step) (key string, err error) {
	_, bad := history.ParseInt(s.Value)
	switch {
	case s.F == Read && s.Value != nil:
		return "value", errNoValue
	case s.F == Append && bad != nil:
		return "value", errValue
	case s.Old != nil:
		return "old", errNoOld
	case s.How != "":
		return "how", errNoHow
	}
	return "", nil
}
