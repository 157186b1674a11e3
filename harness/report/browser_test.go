//go:build browser

package report

import (
	"context"
	"html"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"partita/harness/checker"
)

// TestBrowser opens the reports in a headless Chromium: nothing may be written
// to the console, the failing key must be on the page, and a pointer over a
// figure must show values.
func TestBrowser(t *testing.T) {
	for _, verdict := range []checker.Verdict{checker.Valid, checker.Unknown, checker.Invalid} {
		t.Run(string(verdict), func(t *testing.T) {
			in := sample(t, verdict, 6000)
			page := written(t, in)
			ctx, console := browser(t, kept(t, page))
			if text := evaluate(t, ctx, sampled); !strings.Contains(text, "a second:") || !strings.Contains(text, "n3:") {
				t.Errorf("the figures' values are %q", text)
			}
			text := evaluate(t, ctx, `document.body.innerText`)
			if !strings.Contains(strings.ToLower(text), string(verdict)) {
				t.Errorf("the page does not say %s", verdict)
			}
			for _, f := range in.Failures {
				if !strings.Contains(text, "Key "+f.Key) || !strings.Contains(text, f.Words[0]) {
					t.Errorf("the page lacks key %s or its words", f.Key)
				}
			}
			silent(t, ctx, console)
			if pages := frames(page); len(pages) != len(in.Failures) {
				t.Errorf("%d frames for %d failures", len(pages), len(in.Failures))
			}
			for _, inner := range frames(page) {
				ctx, console := browser(t, kept(t, inner))
				if err := chromedp.Do(ctx, chromedp.WaitReady(".linearization-invalid")); err != nil {
					t.Errorf("porcupine's page shows no error: %v", err)
				}
				silent(t, ctx, console)
			}
		})
	}
}

// kept writes a page to a file.
func kept(t *testing.T, page string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// sampled reads values in the middle of the first figure, as a pointer would.
const sampled = `(() => {
	const plot = document.querySelector('svg.plot');
	const box = plot.getBoundingClientRect();
	plot.dispatchEvent(new PointerEvent('pointermove', {clientX: box.left + box.width / 2, clientY: box.top + 20}));
	return document.getElementById('tip').textContent;
})()`

// theEnd is what the test itself writes to the console, last of all.
const theEnd = "the end"

// browser starts a headless Chromium with one page and opens a file in it.
func browser(t *testing.T, path string) (context.Context, iter.Seq2[chromedp.ConsoleMessage, error]) {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	ctx, stop = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(stop)
	console := chromedp.Console(ctx)
	if err := chromedp.Do(ctx, chromedp.Navigate("file://"+path)); err != nil {
		t.Fatal(err)
	}
	return ctx, console
}

// evaluate runs an expression in the page and returns its text.
func evaluate(t *testing.T, ctx context.Context, expression string) string {
	t.Helper()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// silent fails if anything but the test's own last words is on the console.
func silent(t *testing.T, ctx context.Context, console iter.Seq2[chromedp.ConsoleMessage, error]) {
	t.Helper()
	evaluate(t, ctx, `console.log("`+theEnd+`"), ""`)
	for m, err := range console {
		if err != nil {
			t.Fatal(err)
		}
		if m.Text == theEnd {
			return
		}
		t.Errorf("the console says %s", m)
	}
}

// frames takes the pages out of a report's frames.
func frames(page string) []string {
	var all []string
	for _, rest := range strings.Split(page, "srcdoc='")[1:] {
		attribute, _, _ := strings.Cut(rest, "'")
		all = append(all, html.UnescapeString(attribute))
	}
	return all
}
