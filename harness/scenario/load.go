package scenario

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"partita/harness/scenarios"
	"partita/nemesis"
)

// Load reads a scenario that ships, by its name, or a file: what has a slash
// or an extension is a file. The overrides are applied in order. Every error
// is for whoever wrote the scenario or the flag, and names the place.
func Load(nameOrPath string, overrides ...Override) (*Scenario, error) {
	data, file, err := open(nameOrPath)
	if err != nil {
		return nil, err
	}
	return Parse(file, data, overrides...)
}

// open gives the text of a scenario and the name to call it by.
func open(nameOrPath string) ([]byte, string, error) {
	if !strings.ContainsRune(nameOrPath, filepath.Separator) && filepath.Ext(nameOrPath) == "" {
		if data, file, ok := scenarios.Read(nameOrPath); ok {
			return data, file, nil
		}
		all := scenarios.Names()
		text := fmt.Sprintf("no scenario %q ships: ", nameOrPath)
		if near := nemesis.Nearest(nameOrPath, all); near != "" {
			text += fmt.Sprintf("did you mean %q? ", near)
		}
		return nil, "", fmt.Errorf("scenario: %sthose that do are %s; a file is given with its extension, as in mine.yaml",
			text, strings.Join(all, ", "))
	}
	f, err := os.Open(nameOrPath)
	if err != nil {
		return nil, "", fmt.Errorf("scenario: %w", err)
	}
	defer f.Close()
	// One byte more than allowed tells a file that is too large.
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, "", fmt.Errorf("scenario: read %s: %w", nameOrPath, err)
	}
	return data, nameOrPath, nil
}

// Parse reads a scenario from a text; file is what complaints call it. The
// text is judged first as it stands, then again with the overrides.
func Parse(file string, data []byte, overrides ...Override) (*Scenario, error) {
	s, err := resolve(file, data, nil)
	if err != nil || len(overrides) == 0 {
		return s, err
	}
	return resolve(file, data, overrides)
}

// resolve decodes, overrides, completes and validates.
func resolve(file string, data []byte, overrides []Override) (*Scenario, error) {
	root, err := parse(file, data)
	if err != nil {
		return nil, err
	}
	s := Default()
	s.Name = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	d := &decoder{file: file, places: map[string]string{}}
	if err := d.decode(root, reflect.ValueOf(&s).Elem(), ""); err != nil {
		return nil, err
	}
	for _, o := range overrides {
		if err := o.apply(&s, d.places); err != nil {
			return nil, err
		}
	}
	if _, given := d.places["node.peer-silence"]; !given {
		s.Node.PeerSilence = 2 * s.Node.ElectionTimeout
	}
	if s.Nemesis == nil {
		s.Nemesis = []Fault{}
	}
	for _, f := range s.Nemesis {
		if o, ok := f.Options.(*nemesis.MembershipOptions); ok && o.Voters == 0 {
			o.Voters = s.Members // none: all, as it completes by itself
		}
		f.Options.Complete(s.Nodes)
	}
	if c := s.validate(); c != nil {
		return nil, placed(c, d.places, overrides)
	}
	return &s, nil
}

// placed finds where the value that cannot be came from: its key, or the one
// that it is in. What only an override made impossible names the overrides.
func placed(c *complaint, places map[string]string, overrides []Override) error {
	text := c.text
	for path := c.path; ; path = path[:max(strings.LastIndex(path, "."), 0)] {
		place, ok := places[path]
		if !ok && path != "" {
			continue
		}
		flags := make([]string, len(overrides))
		for i, o := range overrides {
			flags[i] = o.Flag
			if o.Flag == place {
				return &Error{Place: place, Key: c.path, Text: text}
			}
		}
		if len(flags) > 0 {
			text += fmt.Sprintf(" (with %s)", strings.Join(flags, " "))
		}
		return &Error{Place: place, Key: c.path, Text: text}
	}
}
