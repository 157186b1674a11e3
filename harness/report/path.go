package report

import (
	"html/template"
	"io"

	"partita/harness/trace"
)

// Path is a way to a violation of which no history exists, as an exhaustive
// search finds it.
type Path struct {
	Title   string       // what was searched: "vote-twice, three nodes"
	Words   []string     // the finding, in sentences
	Command string       // finds it again
	Steps   []trace.Step // ending in the violation
}

// pathPage is all that the template of a path shows.
type pathPage struct {
	Path
	Style, AccountStyle template.CSS
	AccountScript       template.JS
	Reason              string
	Account             *account
}

// WritePath writes a page of its own for a path: the verdict, the words, and
// the steps as the report of a run tells and draws them.
func WritePath(w io.Writer, p Path) error {
	page := pathPage{
		Path: p, Style: template.CSS(styleSource), AccountStyle: template.CSS(accountStyle),
		AccountScript: template.JS(accountScript), Account: newAccount(p.Steps),
	}
	for _, s := range p.Steps {
		if s.Kind == trace.Violation {
			page.Reason = clip(s.Text, textMax)
		}
	}
	return render(w, pathSource, page)
}
