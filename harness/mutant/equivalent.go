package mutant

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// EquivalentFile lists, below a package's folder, the mutants that change
// nothing that anybody could notice: a line each, its name, a tab and the
// reason. Lines that begin with # say something about the list.
const EquivalentFile = "testdata/equivalent-mutants.txt"

// Equivalent reads a package's list, which need not be there. A line that
// names none of the package's mutants is an error: what it was about has
// changed, and its reason is to be thought over.
func Equivalent(root, pkg string, all []Mutant) (reasons map[string]string, err error) {
	file := filepath.Join(root, pkg, filepath.FromSlash(EquivalentFile))
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("mutant: %w", err)
	}
	return parse(filepath.ToSlash(filepath.Join(pkg, EquivalentFile)), string(text), all)
}

func parse(file, text string, all []Mutant) (map[string]string, error) {
	known := map[string]bool{}
	for _, m := range all {
		known[m.Name()] = true
	}
	reasons, number := map[string]string{}, 0
	for line := range strings.Lines(text) {
		number++
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, reason, ok := strings.Cut(line, "\t")
		if reason = strings.TrimSpace(reason); !ok || reason == "" {
			return nil, fmt.Errorf("%s:%d: %q is not of the form name, tab, reason", file, number, line)
		}
		if !known[name] {
			return nil, fmt.Errorf("%s:%d: %q names no mutant that there is", file, number, name)
		}
		if reasons[name] != "" {
			return nil, fmt.Errorf("%s:%d: %q is named twice", file, number, name)
		}
		reasons[name] = reason
	}
	return reasons, nil
}
