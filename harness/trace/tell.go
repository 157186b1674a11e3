package trace

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// wordsMax is how many columns the words of a step take before the state
// beside them leaves its column.
const wordsMax = 64

// Tell writes steps for a terminal, one line each: number, instant if there is
// time, who, the message's number or what else it was, words, and the node's
// state when it is another than the last that was told.
//
//	 9  2.016 s  n1 -> n3  #4     Append term 2: entry 7    => leader, term 2, log to 7
//	10  2.021 s  n3 <- n1  #4     Append term 2: entry 7    => follower, term 2, log to 7
func Tell(w io.Writer, steps []Step) error {
	out := bufio.NewWriter(w)
	lines := make([]line, len(steps))
	var wide line // the widest of each column, as blanks are counted
	for i, s := range steps {
		lines[i] = line{fmt.Sprint(s.Number), fmt.Sprintf("%.3f s", s.At.Seconds()), Who(s), tag(s), oneLine(s.Text)}
		for column, text := range lines[i] {
			if utf8.RuneCountInString(text) > utf8.RuneCountInString(wide[column]) {
				wide[column] = text
			}
		}
	}
	timed := Timed(steps)
	states := map[string]string{}
	for i, s := range steps {
		if s.Kind == Crash {
			delete(states, s.Node)
		}
		l := lines[i]
		fmt.Fprint(out, right(l[0], wide[0]))
		if timed {
			fmt.Fprint(out, "  ", right(l[1], wide[1]))
		}
		text := "  " + left(l[2], wide[2]) + "  " + left(l[3], wide[3]) + "  "
		if s.State != "" && s.State != states[s.Node] {
			states[s.Node] = s.State
			text += left(l[4], clipped(wide[4], wordsMax)) + "  => " + oneLine(s.State)
		} else {
			text += l[4]
		}
		fmt.Fprintln(out, strings.TrimRight(text, " "))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("trace: tell: %w", err)
	}
	return nil
}

// line is a step's columns but the state: number, instant, who, tag, words.
type line [5]string

// Timed says whether steps have instants; those of an exhaustive search do not.
func Timed(steps []Step) bool {
	for _, s := range steps {
		if s.At != 0 {
			return true
		}
	}
	return false
}

// Who says to whom a step happened and which way a message went; x marks one
// that was lost.
func Who(s Step) string {
	switch s.Kind {
	case Send:
		return s.Node + " -> " + s.Peer
	case Deliver:
		return s.Node + " <- " + s.Peer
	case Drop:
		return s.Node + " x- " + s.Peer
	}
	return s.Node
}

// tag is the number of a message, or the kind of anything else.
func tag(s Step) string {
	switch {
	case s.Kind == Violation:
		return "VIOLATION"
	case s.Message > 0:
		return fmt.Sprintf("#%d", s.Message)
	}
	return string(s.Kind)
}

// oneLine keeps a text from breaking the table.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func left(text, wide string) string  { return text + blanks(text, wide) }
func right(text, wide string) string { return blanks(text, wide) + text }

func blanks(text, wide string) string {
	return strings.Repeat(" ", max(0, utf8.RuneCountInString(wide)-utf8.RuneCountInString(text)))
}

func clipped(text string, limit int) string {
	runes := []rune(text)
	return string(runes[:min(len(runes), limit)])
}
