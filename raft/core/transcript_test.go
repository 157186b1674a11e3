package core

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the transcripts under testdata anew")

// transcripts lists the files that are played. The list of mutants that change
// nothing lies beside them, where harness mutate looks for it.
func transcripts(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts (%v)", err)
	}
	return slices.DeleteFunc(files, func(file string) bool { return filepath.Base(file) == "equivalent-mutants.txt" })
}

// TestTranscripts plays the transcripts under testdata: a line that begins
// with "> " is a command, the lines after it are what came of it, a line that begins
// with # says which rule is at work. testdata/README.md explains commands and
// words, and lists the rules.
func TestTranscripts(t *testing.T) {
	for _, file := range transcripts(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := transcribe(string(want))
			if err != nil {
				t.Fatalf("%s:%v", file, err)
			}
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("%s%s", file, difference(string(want), got))
			}
		})
	}
}

// TestTranscriptsAreListed: the table of rules names every transcript, and none
// that does not exist.
func TestTranscriptsAreListed(t *testing.T) {
	table, err := os.ReadFile("testdata/README.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, word := range strings.FieldsFunc(string(table), func(r rune) bool { return strings.ContainsRune("` |,()\n", r) }) {
		if strings.HasSuffix(word, ".txt") {
			named["testdata/"+word] = true
		}
	}
	for _, file := range transcripts(t) {
		if !named[file] {
			t.Errorf("testdata/README.md does not say which rule %s is for", file)
		}
		delete(named, file)
	}
	for file := range named {
		t.Errorf("testdata/README.md names %s, which does not exist", file)
	}
}

// transcribe runs the commands of a transcript and gives it with their results.
func transcribe(text string) (string, error) {
	var out strings.Builder
	s := &stage{}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			fmt.Fprintln(&out, line)
		case strings.HasPrefix(line, "> "):
			fmt.Fprintln(&out, line)
			lines, err := s.run(line[2:])
			if err != nil {
				return "", fmt.Errorf("%d: %q: %w", i+1, line, err)
			}
			for _, l := range lines {
				fmt.Fprintf(&out, "  %s\n", l)
			}
		}
	}
	return out.String(), nil
}

// difference says where two transcripts part.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return fmt.Sprintf(":%d: the transcript has\n%s\nand now it is\n%s", i+1,
		strings.Join(a[i:min(i+5, len(a))], "\n"), strings.Join(b[i:min(i+5, len(b))], "\n"))
}

// words are a command taken apart: words in order, and key=value pairs, with
// which of those were asked for.
type words struct {
	plain []string
	pairs map[string]string
	asked map[string]bool
}

// split takes a line apart at its spaces, but for those in brackets and quotes.
func split(line string) (list []string) {
	depth, quoted, escaped, word := 0, false, false, ""
	for _, r := range line + " " {
		switch {
		case escaped:
			escaped = false
		case r == '"':
			quoted = !quoted
		case quoted:
			escaped = r == '\\'
		case strings.ContainsRune("[{", r):
			depth++
		case strings.ContainsRune("]}", r):
			depth--
		}
		if r == ' ' && depth == 0 && !quoted {
			if word != "" {
				list = append(list, word)
			}
			word = ""
			continue
		}
		word += string(r)
	}
	if word != "" {
		panic(fmt.Sprintf("a bracket or a quote is not closed in %q", word))
	}
	return list
}

func parse(line string) words {
	w := words{pairs: map[string]string{}, asked: map[string]bool{}}
	for _, word := range split(line) {
		if key, value, ok := strings.Cut(word, "="); ok {
			w.pairs[key] = value
		} else {
			w.plain = append(w.plain, word)
		}
	}
	return w
}

// has says whether a plain word is there.
func (w words) has(word string) bool { return slices.Contains(w.plain, word) }

// value gives what belongs to a key.
func (w words) value(key string) (string, bool) {
	w.asked[key] = true
	text, ok := w.pairs[key]
	return text, ok
}

// strange gives a key that the command did not ask for.
func (w words) strange() string {
	for key := range w.pairs {
		if !w.asked[key] {
			return key
		}
	}
	return ""
}

// number gives the number that belongs to a key, or what it is without the key.
func (w words) number(key string, otherwise int) int {
	text, ok := w.value(key)
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(fmt.Sprintf("%s is %q, not a number", key, text))
	}
	return n
}
