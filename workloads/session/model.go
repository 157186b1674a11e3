package session

import (
	"fmt"
	"strings"

	"partita/harness/checker"
	"partita/harness/history"
	lists "partita/workloads/append"
)

// Model is one list: what copies there were of an append is no matter to it.
// Whether they count once is asked by checker.ExactlyOnce.
func Model() checker.Model {
	m := lists.Model()
	plain := m.Describe
	m.Describe = func(op history.Operation) string {
		said, s := plain(op), op.Complete.Session
		if s == nil || len(s.Copies) < 2 {
			return said
		}
		answers := make([]string, len(s.Copies))
		for i, c := range s.Copies {
			answers[i] = c.Node + " " + c.Answer
			if c.Number != 0 {
				answers[i] = fmt.Sprintf("number %d to %s", c.Number, answers[i])
			}
		}
		return fmt.Sprintf("%s (%d copies: %s)", said, len(s.Copies), strings.Join(answers, ", "))
	}
	return m
}
