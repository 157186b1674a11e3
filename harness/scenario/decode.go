package scenario

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"partita/harness/history"
	"partita/nemesis"
)

// decoder fills a struct from a checked tree and remembers where each key
// came from.
type decoder struct {
	file   string            // of a file: its name
	flag   string            // of an override: the flag, in place of file and line
	places map[string]string // path of a key to its place
}

// place says where a node stands.
func (d *decoder) place(n *yaml.Node) string {
	if d.flag != "" {
		return d.flag
	}
	return fmt.Sprintf("%s:%d", d.file, n.Line)
}

// wrong is a complaint about a node.
func (d *decoder) wrong(n *yaml.Node, path, format string, args ...any) error {
	return &Error{Place: d.place(n), Key: path, Text: fmt.Sprintf(format, args...)}
}

// want complains of a node of another type.
func (d *decoder) want(n *yaml.Node, path, what string) error {
	return d.wrong(n, path, "found %s, want %s", found(n), what)
}

// decode fills v from n. Keys that n does not have stay as they are.
func (d *decoder) decode(n *yaml.Node, v reflect.Value, path string) error {
	d.places[path] = d.place(n)
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if n.Kind != yaml.ScalarNode {
			return d.want(n, path, "one value")
		}
		if err := text.UnmarshalText([]byte(n.Value)); err != nil {
			return d.wrong(n, path, "found %s: %v", found(n), err)
		}
		return nil
	}
	switch into := v.Addr().Interface().(type) {
	case *[]Fault:
		return d.faults(n, into, path)
	case *[]string:
		return d.list(n, into, path)
	case *[]int:
		return d.numbers(n, into, path)
	case *json.RawMessage:
		return d.value(n, into, path)
	case *time.Duration:
		return d.duration(n, into, path)
	}
	switch v.Kind() {
	case reflect.Struct:
		return d.keys(n, v, path)
	case reflect.Slice:
		return d.entries(n, v, path)
	}
	return d.scalar(n, v, path)
}

// forget forgets where the entries of a list came from that another one
// replaces.
func (d *decoder) forget(prefix string) {
	maps.DeleteFunc(d.places, func(path, _ string) bool { return strings.HasPrefix(path, prefix) })
}

// entries fills a list of structs. The path of the i-th ends in [i].
func (d *decoder) entries(n *yaml.Node, v reflect.Value, path string) error {
	if n.Kind != yaml.SequenceNode {
		return d.want(n, path, "a list, each entry a map with the keys "+names(fieldsOf(reflect.New(v.Type().Elem()).Elem())))
	}
	d.forget(path + "[")
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, entry := range n.Content {
		if err := d.decode(entry, v.Index(i), fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

// keys fills a struct from a map.
func (d *decoder) keys(n *yaml.Node, v reflect.Value, path string) error {
	fields := fieldsOf(v)
	if n.Kind != yaml.MappingNode {
		return d.want(n, path, "a map with the keys "+names(fields))
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			return d.want(key, path, "a key: one of "+names(fields))
		}
		if line, twice := seen[key.Value]; twice {
			return d.wrong(key, path, "the key %q again, after line %d: want each once", key.Value, line)
		}
		seen[key.Value] = key.Line
		field, ok := find(fields, key.Value)
		if !ok {
			return d.wrong(key, path, "%s", unknownKey(key.Value, fields))
		}
		if err := d.decode(value, field, join(path, key.Value)); err != nil {
			return err
		}
	}
	return nil
}

// faults reads the nemesis: a list of maps of one key, each kind once.
func (d *decoder) faults(n *yaml.Node, into *[]Fault, path string) error {
	if n.Kind != yaml.SequenceNode {
		return d.want(n, path, "a list, each entry a map of one kind to its options, as in - kill: {every: 6s}")
	}
	d.forget(path + ".")
	*into = []Fault{}
	seen := map[string]bool{}
	for _, entry := range n.Content {
		if entry.Kind != yaml.MappingNode || len(entry.Content) != 2 {
			if entry.Kind == yaml.MappingNode {
				return d.wrong(entry, path, "found a map of %d keys, want one: a kind of fault", len(entry.Content)/2)
			}
			return d.want(entry, path, "a map of one kind to its options, as in kill: {every: 6s}")
		}
		key, value := entry.Content[0], entry.Content[1]
		kind, err := nemesis.KindOf(key.Value)
		if err != nil {
			return d.wrong(key, path, "%v", err)
		}
		if seen[kind.Name] {
			return d.wrong(key, path, "the kind %q again: want each once", kind.Name)
		}
		seen[kind.Name] = true
		options := kind.Defaults()
		if err := d.decode(value, reflect.ValueOf(options).Elem(), join(path, kind.Name)); err != nil {
			return err
		}
		*into = append(*into, Fault{Kind: kind.Name, Options: options})
	}
	return nil
}

// list reads texts. A flag may give them apart by commas.
func (d *decoder) list(n *yaml.Node, into *[]string, path string) error {
	if d.flag != "" && n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
		*into = []string{}
		for text := range strings.SplitSeq(n.Value, ",") {
			*into = append(*into, strings.TrimSpace(text))
		}
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		return d.want(n, path, "a list such as [one, leader]")
	}
	*into = []string{}
	for _, entry := range n.Content {
		if entry.Kind != yaml.ScalarNode || entry.ShortTag() != "!!str" {
			return d.want(entry, path, "a list of texts")
		}
		*into = append(*into, entry.Value)
	}
	return nil
}

// numbers reads whole numbers.
func (d *decoder) numbers(n *yaml.Node, into *[]int, path string) error {
	if n.Kind != yaml.SequenceNode {
		return d.want(n, path, "a list of whole numbers such as [3, 17]")
	}
	*into = make([]int, len(n.Content))
	for i, entry := range n.Content {
		if err := d.scalar(entry, reflect.ValueOf(&(*into)[i]).Elem(), path); err != nil {
			return err
		}
	}
	return nil
}

// value reads a value of the history: a whole number, a text or null.
func (d *decoder) value(n *yaml.Node, into *json.RawMessage, path string) error {
	var number int64
	switch tag := n.ShortTag(); {
	case n.Kind != yaml.ScalarNode:
	case tag == "!!null":
		*into = history.Null()
		return nil
	case tag == "!!str":
		*into = history.String(n.Value)
		return nil
	case tag == "!!int" && n.Decode(&number) == nil:
		*into = history.Int(number)
		return nil
	}
	return d.want(n, path, "a value: a whole number, a text or null")
}

func (d *decoder) duration(n *yaml.Node, into *time.Duration, path string) error {
	const what = "a time with its unit, such as 500ms, 4s or 2m"
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		return d.want(n, path, what)
	}
	value, err := time.ParseDuration(n.Value)
	if err != nil {
		return d.want(n, path, what)
	}
	*into = value
	return nil
}

// scalar reads a text, a number or a truth value.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string) error {
	tag := ""
	if n.Kind == yaml.ScalarNode {
		tag = n.ShortTag()
	}
	what, ok := "", false
	switch v.Kind() {
	case reflect.String:
		what, ok = "a text", tag == "!!str" || d.flag != "" && tag != "" && tag != "!!null"
		if ok {
			v.SetString(n.Value)
			return nil
		}
	case reflect.Int, reflect.Int64:
		what, ok = "a whole number", tag == "!!int"
	case reflect.Float64:
		what, ok = "a number", tag == "!!int" || tag == "!!float"
	case reflect.Bool:
		what, ok = "true or false", tag == "!!bool"
	default:
		panic("scenario: no decoder for a field of type " + v.Type().String())
	}
	if !ok || n.Decode(v.Addr().Interface()) != nil {
		return d.want(n, path, what)
	}
	return nil
}

// field is one key of a struct.
type field struct {
	name  string
	value reflect.Value
	terse bool // it is written only if it is set
}

// fieldsOf lists the keys of a struct in order, those of inlined structs too.
func fieldsOf(v reflect.Value) []field {
	var all []field
	for i := range v.NumField() {
		name, option, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if option == "inline" {
			all = append(all, fieldsOf(v.Field(i))...)
			continue
		}
		all = append(all, field{name, v.Field(i), option == "omitempty"})
	}
	return all
}

func find(fields []field, name string) (reflect.Value, bool) {
	for _, f := range fields {
		if f.name == name {
			return f.value, true
		}
	}
	return reflect.Value{}, false
}

// unknownKey complains of a key that a struct does not have.
func unknownKey(name string, fields []field) string {
	var all []string
	for _, f := range fields {
		all = append(all, f.name)
	}
	if near := nemesis.Nearest(name, all); near != "" {
		return fmt.Sprintf("unknown key %q: did you mean %q? allowed are %s", name, near, names(fields))
	}
	return fmt.Sprintf("unknown key %q: allowed are %s", name, names(fields))
}

func names(fields []field) string {
	var all []string
	for _, f := range fields {
		all = append(all, f.name)
	}
	return strings.Join(all, ", ")
}

// join appends a key to a path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
