package core

import "testing"

// sends counts the messages among effects.
func sends(effects []Effect) (n int) {
	for _, e := range effects {
		if _, ok := e.(Send); ok {
			n++
		}
	}
	return n
}

// TestCompletionsThatProveNothing: a completion of a write that was not asked
// for lets nothing leave, and an old one takes nothing back.
func TestCompletionsThatProveNothing(t *testing.T) {
	c := storyCore(t, Restored{})
	if got := sends(c.Step(from(2, 1, Vote{}))); got != 0 {
		t.Fatal("a vote leaves before it is durable")
	}
	if got := sends(c.Step(Appended{c.disk.issued + 1})); got != 0 {
		t.Error("a vote leaves after the completion of a write that was never asked for")
	}
	if got := sends(c.Step(Appended{c.disk.issued})); got != 1 {
		t.Errorf("%d messages leave when the vote is durable", got)
	}
	c.Step(Appended{1})
	if got := sends(c.Step(from(2, 1, Vote{}))); got != 1 {
		t.Errorf("after a completion that comes late, %d answers leave to a candidate that has the vote", got)
	}
}
