package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxBytes is the largest file that is read: one with a script of many thousand
// operations.
const maxBytes = 8 << 20

// Error is what is wrong with a scenario.
type Error struct {
	Place string // file:line, or the flag
	Key   string // path of the key, empty when it is about the whole
	Text  string // what was found and what is allowed
}

// Error is one line.
func (e *Error) Error() string {
	if e.Key == "" {
		return e.Place + ": " + e.Text
	}
	return e.Place + ": " + e.Key + ": " + e.Text
}

// yamlLine finds the line in a complaint of the parser.
var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(.*)`)

// parse reads the one document of a text, whose top is a map.
func parse(file string, data []byte) (*yaml.Node, error) {
	at := func(line int, format string, args ...any) error {
		return &Error{Place: fmt.Sprintf("%s:%d", file, max(line, 1)), Text: fmt.Sprintf(format, args...)}
	}
	if len(data) > maxBytes {
		return nil, at(1, "%d bytes: want at most %d", len(data), maxBytes)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) || err == nil && empty(&document) {
		return nil, at(1, "an empty file: want at least a name and a workload, as the scenarios that ship have")
	}
	if err != nil {
		return nil, syntax(at, err)
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return nil, at(second.Line, "a second document: a scenario is one")
	} else if !errors.Is(err, io.EOF) {
		return nil, syntax(at, err)
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, at(root.Line, "found %s, want a map of keys such as name, nodes, workload", found(root))
	}
	if n, what := foreign(root); n != nil {
		return nil, at(n.Line, "%s: scenarios do without", what)
	}
	return root, nil
}

// empty says whether a document holds nothing, or null.
func empty(document *yaml.Node) bool {
	return len(document.Content) == 0 || document.Content[0].ShortTag() == "!!null" && document.Content[0].Value == ""
}

// syntax turns the parser's complaint into ours.
func syntax(at func(int, string, ...any) error, err error) error {
	parts := yamlLine.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
	line, convErr := strconv.Atoi(parts[1])
	if convErr != nil {
		line = 1
	}
	return at(line, "no YAML: %s", parts[2])
}

// foreign finds what YAML has and scenarios do not: anchors, aliases, merge
// keys and explicit tags.
func foreign(n *yaml.Node) (*yaml.Node, string) {
	switch {
	case n.Kind == yaml.AliasNode:
		return n, fmt.Sprintf("the alias *%s", n.Value)
	case n.Anchor != "":
		return n, fmt.Sprintf("the anchor &%s", n.Anchor)
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!merge":
		return n, "the merge key <<"
	case n.Style&yaml.TaggedStyle != 0:
		return n, fmt.Sprintf("the tag %s", n.Tag)
	}
	for _, child := range n.Content {
		if bad, what := foreign(child); bad != nil {
			return bad, what
		}
	}
	return nil, ""
}

// found says what a node is, for "found ..., want ...".
func found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	}
	value := n.Value
	const longest = 60
	if len(value) > longest {
		value = value[:longest] + "..."
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "the number " + value
	case "!!bool":
		return "the truth value " + value
	}
	return fmt.Sprintf("the text %q", value)
}
