package exhaustive

import (
	"fmt"
	"slices"
)

// start is the state that the search begins in, and the renaming that makes it
// canonical.
func (s *search) start() (state, int) {
	var first state
	for i, n := range s.begin.nodes {
		first.locals[i] = s.internNode(n)
	}
	for _, f := range s.begin.flying {
		first.messages[first.flying] = s.internMessage(f.envelope.AppendTo(nil, nil))
		first.flying++
	}
	first.ghost = s.internGhost(s.begin.ghost)
	first.left = s.options.budget()
	_, renaming := s.canonical(&first)
	s.rename(&first, renaming)
	return first, renaming
}

// pathTo gives the actions that led to a broken rule, the first first.
func (s *search) pathTo(d *discovery) []action {
	path := []action{d.by}
	for at := d.parent; ; {
		v := &s.shards[at.shard()]
		if v.parents[at.place()] == unborn {
			break
		}
		path = append(path, v.actions[at.place()])
		at = v.parents[at.place()]
	}
	slices.Reverse(path)
	return path
}

// tell follows the path to a broken rule from the start with cores of its own,
// which nobody ever encoded, and keeps the account.
func (s *search) tell(d *discovery) error {
	path := s.pathTo(d)
	s.result.Actions = len(path)
	now, renaming := s.start()
	names := renamings[renaming]
	w := newWorker(s.engine)
	for i, a := range path {
		bad, err := s.begin.follow(s.engine, &now, a, names)
		if err != nil {
			return err
		}
		if bad != nil && i+1 == len(path) && bad.Name == d.violation.Name {
			s.result.Violation, s.result.Path = bad, s.begin.steps
			return nil
		}
		if v, _ := w.act(&now, a); bad != nil || v != reaches {
			break
		}
		_, renaming := s.canonical(&now)
		s.rename(&now, renaming)
		for id := 1; id <= members; id++ {
			names[id] = renamings[renaming][names[id]]
		}
	}
	return fmt.Errorf("exhaustive: the search says %q after %d actions, and the path to it, followed from the start, does not show it", d.violation.Text, len(path))
}
