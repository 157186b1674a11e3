package catalogue

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// Bug is one entry of the catalogue.
type Bug struct {
	Slug     string
	Origin   string   // where it was seen
	Breaks   string   // the rule that it breaks
	Scenario string   // the scenario that must catch it
	Set      []string // the scenario's keys that it needs otherwise: path=value
	Check    string   // the check that must fail
	// Invariant, if not empty, is what a node's own panic may name instead: such
	// a crash is a catch too.
	Invariant string
	Within    time.Duration // a run of the scenario has to end by then
	// Simulated names what may catch it in the simulator: checks, and invariants
	// that are watched inside the cluster. Empty: the simulator cannot, and the
	// story says why.
	Simulated []string
	// Explore is what a search for it is asked for otherwise than the default:
	// path=value, as flags of harness explore would say.
	Explore []string
	// Exhaustive are the bounds within which the exhaustive search has to find
	// it; empty: it need not.
	Exhaustive string
	Story      string // why it is reachable there
	files      []*gitdiff.File
}

// Load reads every *.patch of a folder, sorted by slug.
func Load(dir string) ([]Bug, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.patch"))
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	sort.Strings(paths)
	bugs := make([]Bug, 0, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("catalogue: %w", err)
		}
		bug, err := Parse(strings.TrimSuffix(filepath.Base(path), ".patch"), string(text))
		if err != nil {
			return nil, err
		}
		bugs = append(bugs, bug)
	}
	return bugs, nil
}

// Find picks a bug by its slug. The error of an unknown one lists those there are.
func Find(bugs []Bug, slug string) (Bug, error) {
	var slugs []string
	for _, b := range bugs {
		if b.Slug == slug {
			return b, nil
		}
		slugs = append(slugs, b.Slug)
	}
	return Bug{}, fmt.Errorf("no bug %q in the catalogue; there are: %s", slug, strings.Join(slugs, ", "))
}

// Parse reads one patch: lines of "Name: value" up to a blank line, the story,
// and the diff.
func Parse(slug, text string) (Bug, error) {
	bug := Bug{Slug: slug}
	head, _, ok := strings.Cut(text, "\ndiff --git ")
	if !ok {
		return bug, fmt.Errorf("bugs/%s.patch: there is no line that begins with \"diff --git\"", slug)
	}
	fields, story, _ := strings.Cut(head, "\n\n")
	for i, line := range strings.Split(fields, "\n") {
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			return bug, fmt.Errorf("bugs/%s.patch:%d: %q is not of the form \"Name: value\"", slug, i+1, line)
		}
		if err := bug.set(name, strings.TrimSpace(value)); err != nil {
			return bug, fmt.Errorf("bugs/%s.patch:%d: %w", slug, i+1, err)
		}
	}
	bug.Story = strings.TrimSpace(story)
	if err := bug.complete(); err != nil {
		return bug, fmt.Errorf("bugs/%s.patch: %w", slug, err)
	}
	files, _, err := gitdiff.Parse(strings.NewReader(text))
	if err != nil {
		return bug, fmt.Errorf("bugs/%s.patch: %w", slug, err)
	}
	for _, f := range files {
		if f.IsNew || f.IsDelete || f.IsRename || f.IsBinary || f.OldName != f.NewName {
			return bug, fmt.Errorf("bugs/%s.patch: %s: a bug only changes files that are there", slug, f.NewName)
		}
		if !strings.HasPrefix(f.NewName, "raft/") && !strings.HasPrefix(f.NewName, "node/") {
			return bug, fmt.Errorf("bugs/%s.patch: %s: a bug touches only raft/ and node/", slug, f.NewName)
		}
	}
	bug.files = files
	return bug, nil
}

func (b *Bug) set(name, value string) error {
	switch name {
	case "Bug":
		if value != b.Slug {
			return fmt.Errorf("Bug is %q and the file's name says %q", value, b.Slug)
		}
	case "Origin":
		b.Origin = value
	case "Breaks":
		b.Breaks = value
	case "Scenario":
		b.Scenario = value
	case "Set":
		b.Set = append(b.Set, value)
	case "Check":
		b.Check = value
	case "Invariant":
		b.Invariant = value
	case "Simulated":
		return b.setSimulated(value)
	case "Exhaustive":
		b.Exhaustive = value
	case "Explore":
		b.Explore = append(b.Explore, value)
	case "Within":
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return fmt.Errorf("Within is %q; it must be a duration such as 2m", value)
		}
		b.Within = d
	default:
		return fmt.Errorf("unknown field %q; allowed are Bug, Origin, Breaks, Scenario, Set, Check, Invariant, Within, Simulated, Explore and Exhaustive", name)
	}
	return nil
}

// setSimulated reads the names in a Simulated field: those that there are, each once.
func (b *Bug) setSimulated(value string) error {
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSpace(name)
		switch {
		case !catches(name):
			return fmt.Errorf("Simulated names %q; there are the checks %s and the invariants %s",
				name, strings.Join(Checks(), ", "), strings.Join(Invariants(), ", "))
		case slices.Contains(b.Simulated, name):
			return fmt.Errorf("Simulated names %q twice", name)
		}
		b.Simulated = append(b.Simulated, name)
	}
	return nil
}

// OnDocker says whether a scenario on containers has to catch it. Some bugs are
// within reach of the simulator alone.
func (b Bug) OnDocker() bool { return b.Scenario != "" || b.Check != "" || b.Within != 0 }

// complete says what a header lacks: it needs a scenario on containers with its check
// and its time, or a name that catches the bug in the simulator, or both.
func (b *Bug) complete() error {
	if !b.OnDocker() && (len(b.Set) > 0 || b.Invariant != "") {
		return errors.New("Set and Invariant belong to a Scenario, and there is none")
	}
	if len(b.Explore) > 0 && len(b.Simulated) == 0 {
		return errors.New("Explore belongs to Simulated, which is not there")
	}
	missing := []string{}
	needed := map[string]string{"Origin": b.Origin, "Breaks": b.Breaks, "a story": b.Story}
	if b.OnDocker() || len(b.Simulated) == 0 {
		needed["Scenario"], needed["Check"] = b.Scenario, b.Check
		if b.Within == 0 {
			missing = append(missing, "Within")
		}
	}
	for name, value := range needed {
		if value == "" {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		return errors.New("the header lacks " + strings.Join(missing, ", "))
	}
	return nil
}
