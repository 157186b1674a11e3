package exhaustive

import "fmt"

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

// tell follows the path to a broken rule from the start with cores of its own,
// which nobody ever encoded, and keeps the account.
func (s *search) tell(d *discovery) error {
	path := []action{d.by}
	for at := d.parent; s.shards[at.shard()].parents[at.place()] != unborn; {
		v := &s.shards[at.shard()]
		path = append(path, v.actions[at.place()])
		at = v.parents[at.place()]
	}
	s.result.Actions = len(path)
	now, renaming := s.start()
	names := renamings[renaming]
	w := newWorker(s.engine)
	for i := len(path) - 1; i >= 0; i-- {
		a := path[i]
		bad, err := s.begin.follow(s.engine, &now, a, names)
		if err != nil {
			return err
		}
		if bad != nil {
			s.result.Violation, s.result.Path = bad, s.begin.steps
		}
		if (bad != nil) != (i == 0) || i == 0 && bad.Name != d.violation.Name {
			return fmt.Errorf("exhaustive: the search says %q after %d actions; followed from the start, action %d gives %v", d.violation.Text, len(path), len(path)-i, bad)
		}
		if i > 0 {
			w.act(&now, a)
			_, renaming := s.canonical(&now)
			s.rename(&now, renaming)
			for id := 1; id <= members; id++ {
				names[id] = renamings[renaming][names[id]]
			}
		}
	}
	return nil
}
