package register

import (
	"testing"

	"partita/harness/generator"
	"partita/harness/history"
)

func TestCheckStep(t *testing.T) {
	five, null, text := history.Int(5), history.Null(), history.String("5")
	for name, c := range map[string]struct {
		step generator.Step
		key  string // empty: it is accepted
	}{
		"read":                     {generator.Step{F: Read}, ""},
		"read of a value":          {generator.Step{F: Read, Value: five}, "value"},
		"read that expects":        {generator.Step{F: Read, Old: five}, "old"},
		"write":                    {generator.Step{F: Write, Value: five}, ""},
		"write of nothing":         {generator.Step{F: Write}, "value"},
		"write of null":            {generator.Step{F: Write, Value: null}, "value"},
		"write of a text":          {generator.Step{F: Write, Value: text}, "value"},
		"write that expects":       {generator.Step{F: Write, Value: five, Old: null}, "old"},
		"cas":                      {generator.Step{F: CAS, Value: five, Old: five}, ""},
		"cas of what is absent":    {generator.Step{F: CAS, Value: five, Old: null}, ""},
		"cas that expects nothing": {generator.Step{F: CAS, Value: five}, "old"},
		"cas that expects a text":  {generator.Step{F: CAS, Value: five, Old: text}, "old"},
		"read in a way":            {generator.Step{F: Read, How: "twice"}, "how"},
		"cas to null":              {generator.Step{F: CAS, Value: null, Old: five}, "value"},
	} {
		t.Run(name, func(t *testing.T) {
			if key, err := CheckStep(c.step); key != c.key || (err != nil) != (c.key != "") {
				t.Errorf("got %q, %v", key, err)
			}
		})
	}
}
