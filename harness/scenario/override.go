package scenario

import (
	"fmt"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"

	"partita/nemesis"
)

// Override sets one key from the command line.
type Override struct {
	Flag  string // as it was given, for complaints: "--nodes 3"
	Path  string // nodes, node.heartbeat, nemesis.partition.for ...
	Value string // as in a scenario; a list may also be given apart by commas
}

// ParseSet reads the value of --set: path.to.key=value.
func ParseSet(arg string) (Override, error) {
	flag := "--set " + arg
	path, value, ok := strings.Cut(arg, "=")
	if !ok || path == "" {
		return Override{}, &Error{Place: flag, Text: "want path.to.key=value, as in nemesis.partition.for=2s"}
	}
	return Override{Flag: flag, Path: path, Value: value}, nil
}

// apply sets the override's key in a scenario.
func (o Override) apply(s *Scenario, places map[string]string) error {
	target, err := o.find(reflect.ValueOf(s).Elem(), s)
	if err != nil {
		return err
	}
	if len(o.Value) > maxBytes {
		return &Error{Place: "--set " + o.Path, Text: fmt.Sprintf("%d bytes: want at most %d", len(o.Value), maxBytes)}
	}
	if target.Kind() == reflect.String {
		target.SetString(o.Value)
		places[o.Path] = o.Flag
		return nil
	}
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(o.Value), &document); err != nil || empty(&document) {
		return &Error{Place: o.Flag, Key: o.Path, Text: fmt.Sprintf("found the text %q, want a value as in a scenario", o.Value)}
	}
	if n, what := foreign(document.Content[0]); n != nil {
		return &Error{Place: o.Flag, Key: o.Path, Text: what + ": scenarios do without"}
	}
	d := &decoder{flag: o.Flag, places: places}
	return d.decode(document.Content[0], target, o.Path)
}

// find walks to the key that the path names.
func (o Override) find(v reflect.Value, s *Scenario) (reflect.Value, error) {
	steps := strings.Split(o.Path, ".")
	for i, step := range steps {
		walked := strings.Join(steps[:i], ".")
		if v.Type() == reflect.TypeFor[[]Fault]() {
			options, err := o.fault(step, s)
			if err != nil {
				return reflect.Value{}, err
			}
			v = reflect.ValueOf(options).Elem()
			continue
		}
		if v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[Concurrency]() {
			return reflect.Value{}, &Error{Place: o.Flag, Key: walked, Text: fmt.Sprintf("it is one value and has no key %q", step)}
		}
		next, ok := find(fieldsOf(v), step)
		if !ok {
			return reflect.Value{}, &Error{Place: o.Flag, Key: walked, Text: unknownKey(step, fieldsOf(v))}
		}
		v = next
	}
	return v, nil
}

// fault finds the options of a kind in the scenario's nemesis.
func (o Override) fault(kind string, s *Scenario) (nemesis.Options, error) {
	for _, f := range s.Nemesis {
		if f.Kind == kind {
			return f.Options, nil
		}
	}
	if _, err := nemesis.KindOf(kind); err != nil {
		return nil, &Error{Place: o.Flag, Key: "nemesis", Text: err.Error()}
	}
	has := "it has " + strings.Join(s.Kinds(), ", ")
	if len(s.Nemesis) == 0 {
		has = "it has no fault"
	}
	return nil, &Error{Place: o.Flag, Key: "nemesis", Text: fmt.Sprintf(
		"the scenario has no %s: %s; --set 'nemesis=[%s: {}]' gives it another nemesis", kind, has, kind)}
}
