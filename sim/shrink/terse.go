package shrink

import (
	"bytes"
	"fmt"

	"gopkg.in/yaml.v3"

	"partita/harness/scenario"
)

// terse writes a scenario without the keys that say nothing: it is the same
// scenario when they are left out.
func terse(s *scenario.Scenario) ([]byte, error) {
	whole, err := s.YAML()
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(whole, &document); err != nil {
		return nil, fmt.Errorf("read what was written: %w", err)
	}
	same := func() bool {
		text, err := encode(&document)
		if err != nil {
			return false
		}
		read, err := scenario.Parse(s.Name+".yaml", text)
		if err != nil {
			return false
		}
		again, err := read.YAML()
		return err == nil && bytes.Equal(again, whole)
	}
	leaveOut(document.Content[0], same)
	return encode(&document)
}

// leaveOut takes every key out of a tree that can go; one that cannot is
// looked into.
func leaveOut(n *yaml.Node, same func() bool) {
	switch n.Kind {
	case yaml.SequenceNode:
		for _, entry := range n.Content {
			leaveOut(entry, same)
		}
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); {
			all := n.Content
			if n.Content[i].Value == "name" { // also the file's, which may be called otherwise
				i += 2
				continue
			}
			n.Content = append(append([]*yaml.Node{}, all[:i]...), all[i+2:]...)
			if same() {
				continue
			}
			n.Content = all
			leaveOut(all[i+1], same)
			i += 2
		}
	}
}

func encode(document *yaml.Node) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(document); err != nil {
		return nil, fmt.Errorf("write the scenario: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("write the scenario: %w", err)
	}
	return out.Bytes(), nil
}
