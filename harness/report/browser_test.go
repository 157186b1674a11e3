//go:build browser

package report

import (
	"bytes"
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

// TestAccountInABrowser plays a reader of an account: what led to the violation
// is shown first, all on demand, a message with both its ends, and every arrow
// in one piece.
func TestAccountInABrowser(t *testing.T) {
	var path bytes.Buffer
	if err := WritePath(&path, Path{Title: "two leaders", Steps: golden(t, "two-leaders")}); err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{
		"in a report":       written(t, simulatedSample(t, "two-leaders")),
		"a page of its own": path.String(),
	}
	for name, page := range pages {
		t.Run(name, func(t *testing.T) {
			ctx, console := browser(t, kept(t, page))
			for _, c := range []struct{ what, do, want string }{
				{"first", ``, "32"},
				{"broken arrows", `return brokenArrows();`, "0"},
				{"lit by the pointer", `row(11).dispatchEvent(new PointerEvent('pointerover', {bubbles: true})); return lit();`, "step-9 step-11"},
				{"lit after it left", `document.querySelector('#account tbody').dispatchEvent(new PointerEvent('pointerleave')); return lit();`, ""},
				{"all", `click('[value=all]');`, "33"},
				{"without n3", `click('[name=node][value=n3]');`, "24"},
				{"whose other end is hidden", `return String(row(9).querySelector('.arrow[data-from]').getAttribute('x2') < 300);`, "true"},
				{"with n3 again", `click('[name=node][value=n3]');`, "33"},
				{"without losses", `click('[name=group][value=losses]');`, "29"},
				{"arrows broken by it", `return brokenArrows();`, "0"},
				{"asked for though hidden", `row(8).querySelector('.told a').click(); return document.activeElement.id;`, "step-10"},
				{"one step up by key", `key('ArrowUp'); return document.activeElement.id;`, "step-9"},
				{"the end by key", `key('End'); return document.activeElement.id;`, "step-33"},
				{"lit by the focus", `document.activeElement.dispatchEvent(new FocusEvent('focusin', {bubbles: true})); return lit();`, "step-33"},
			} {
				if got := evaluate(t, ctx, reader+c.do+`return shown();})()`); got != c.want {
					t.Errorf("%s: %q, want %q", c.what, got, c.want)
				}
			}
			silent(t, ctx, console)
		})
	}
}

// reader is what a reader of an account can do and see.
const reader = `(() => {
	const row = (n) => document.getElementById('step-' + n);
	const seen = () => [...document.querySelectorAll('#account tbody tr')].filter((row) => row.offsetHeight > 0);
	const shown = () => String(seen().length);
	const lit = () => [...document.querySelectorAll('#account tr.lit')].map((row) => row.id).join(' ');
	const click = (what) => document.querySelector('#account ' + what).click();
	const key = (key) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
	const end = (line, which) => new DOMPoint(line[which === 1 ? 'x1' : 'x2'].baseVal.value, line[which === 1 ? 'y1' : 'y2'].baseVal.value).matrixTransform(line.getScreenCTM());
	const brokenArrows = () => {
		const last = new Map();
		let broken = 0;
		for (const line of document.querySelectorAll('#account .arrow')) {
			if (getComputedStyle(line).visibility === 'hidden' || !line.closest('tr').offsetHeight) continue;
			const before = last.get(line.dataset.arrow);
			const from = end(line, 1);
			// Parts overlap by a few hundredths of a row, on one straight line.
			if (before && (from.y > before.to.y || Math.abs((from.x - before.from.x) * (before.to.y - before.from.y) - (from.y - before.from.y) * (before.to.x - before.from.x)) > 2 * Math.hypot(before.to.x - before.from.x, before.to.y - before.from.y))) broken += 1;
			last.set(line.dataset.arrow, {from, to: end(line, 2)});
		}
		return String(broken);
	};
`

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
