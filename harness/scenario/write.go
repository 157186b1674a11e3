package scenario

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"partita/harness/history"
)

// YAML writes the scenario with every key, but for those that stand for
// nothing when left out, so that Parse gives the same one back.
func (s *Scenario) YAML() ([]byte, error) {
	root, err := node(reflect.ValueOf(s).Elem())
	if err != nil {
		return nil, fmt.Errorf("scenario: write %s: %w", s.Name, err)
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return nil, fmt.Errorf("scenario: write %s: %w", s.Name, err)
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("scenario: write %s: %w", s.Name, err)
	}
	return out.Bytes(), nil
}

// node makes the tree of a value.
func node(v reflect.Value) (*yaml.Node, error) {
	n := &yaml.Node{}
	switch value := v.Interface().(type) {
	case encoding.TextMarshaler:
		text, err := value.MarshalText()
		if err != nil {
			return nil, err
		}
		// Left without a tag: a plain number stays one.
		return &yaml.Node{Kind: yaml.ScalarNode, Value: string(text)}, nil
	case time.Duration:
		return n, n.Encode(duration(value))
	case []Fault:
		n.Kind = yaml.SequenceNode
		for _, f := range value {
			options, err := node(reflect.ValueOf(f.Options).Elem())
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
				{Kind: yaml.ScalarNode, Value: f.Kind}, options,
			}})
		}
		return n, nil
	case []string, []int:
		err := n.Encode(value)
		n.Style = yaml.FlowStyle
		return n, err
	case json.RawMessage:
		var text string
		if json.Unmarshal(value, &text) == nil && !history.IsNull(value) {
			return n, n.Encode(text)
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Value: string(value)}, nil
	}
	switch v.Kind() {
	case reflect.Slice:
		n.Kind = yaml.SequenceNode
		for i := range v.Len() {
			entry, err := node(v.Index(i))
			if err != nil {
				return nil, fmt.Errorf("%d: %w", i, err)
			}
			entry.Style = yaml.FlowStyle
			n.Content = append(n.Content, entry)
		}
		return n, nil
	case reflect.Struct:
	default:
		return n, n.Encode(v.Interface())
	}
	n.Kind = yaml.MappingNode
	for _, f := range fieldsOf(v) {
		if f.terse && f.value.IsZero() {
			continue
		}
		child, err := node(f.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: f.name}, child)
	}
	return n, nil
}

// duration writes a time without parts that are zero: 1m, not 1m0s.
func duration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
