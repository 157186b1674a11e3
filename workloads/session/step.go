package session

import (
	"fmt"
	"strings"

	"partita/harness/generator"
	lists "partita/workloads/append"
)

// CheckStep says what is wrong with the values of an operation of a script, and
// which key of it that is.
func CheckStep(s generator.Step) (key string, err error) {
	how := s.How
	s.How = ""
	if key, err := lists.CheckStep(s); err != nil || how == "" {
		return key, err
	}
	if s.F != Append {
		return "how", fmt.Errorf("want none: there is one way to %s", s.F)
	}
	names := make([]string, len(ways))
	for i, way := range ways {
		if names[i] = way.how; way.how == how {
			return "", nil
		}
	}
	return "how", fmt.Errorf("want one of %s, or none", strings.Join(names, ", "))
}
