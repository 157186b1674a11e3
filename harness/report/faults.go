package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"partita/harness/cluster"
)

// faultRow is a row of the table of faults.
type faultRow struct {
	Number     int
	Kind       string
	Shape      string
	Targets    string
	Nodes      string
	From, To   string
	Lasted     string
	Asked      []pair
	Evident    bool
	Evidence   []pair
	Directions []direction
	Summary    string // of the directions
	Error      string
}

// direction is what evidence says of one direction between two nodes.
type direction struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Sent     int    `json:"sent"`
	Received int    `json:"received"`
	Cut      bool   `json:"cut"`
}

// Strange says whether a cut let something through, or an open direction nothing.
func (d direction) Strange() bool { return d.Cut == (d.Received > 0) }

func faultRows(faults []cluster.Fault) []faultRow {
	var rows []faultRow
	for i, f := range faults {
		row := faultRow{
			Number: i + 1, Kind: f.Nemesis, Shape: f.Shape, Targets: f.Targets, Nodes: strings.Join(f.Nodes, ", "),
			From: instant(f.At), To: instant(f.Healed), Lasted: short(max(0, f.Healed-f.At)),
			Asked: flatten("", plain(f.Asked)), Evident: f.Evident, Error: f.Error,
		}
		evidence := plain(f.Evidence)
		row.Directions = directionsOf(evidence["directions"])
		if len(row.Directions) > 0 {
			delete(evidence, "directions")
			row.Summary = summaryOf(row.Directions)
		}
		if f.Nemesis == membershipKind {
			sayConfigurations(evidence)
		}
		row.Evidence = flatten("", evidence)
		rows = append(rows, row)
	}
	return rows
}

// plain is a record as JSON gives it back, whether it was read or just made.
func plain(record map[string]any) map[string]any {
	raw, err := json.Marshal(record)
	if err != nil {
		return map[string]any{"unreadable": err.Error()}
	}
	var back map[string]any
	if err := json.Unmarshal(raw, &back); err != nil {
		return map[string]any{"unreadable": err.Error()}
	}
	return back
}

// directionsOf reads the evidence in each direction; anything else gives none.
func directionsOf(evidence any) []direction {
	raw, err := json.Marshal(evidence)
	if err != nil {
		return nil
	}
	var directions []direction
	if json.Unmarshal(raw, &directions) != nil {
		return nil
	}
	return directions
}

func summaryOf(directions []direction) string {
	cut, silent, open, heard := 0, 0, 0, 0
	for _, d := range directions {
		switch {
		case d.Cut && d.Received == 0:
			cut, silent = cut+1, silent+1
		case d.Cut:
			cut++
		case d.Received > 0:
			open, heard = open+1, heard+1
		default:
			open++
		}
	}
	return fmt.Sprintf("%d of %d cut directions silent, %d of %d open ones heard", silent, cut, heard, open)
}

// flattenLimit bounds how many facts of one record are shown.
const flattenLimit = 40

// flatten lists a record's facts with dotted names, sorted.
func flatten(prefix string, record map[string]any) []pair {
	var facts []pair
	for _, name := range slices.Sorted(maps.Keys(record)) {
		full := name
		if prefix != "" {
			full = prefix + "." + name
		}
		if inner, ok := record[name].(map[string]any); ok {
			facts = append(facts, flatten(full, inner)...)
			continue
		}
		facts = append(facts, pair{full, clip(measured(name, record[name]), 300)})
	}
	return facts[:min(len(facts), flattenLimit)]
}

// measured is a fact with its unit, where its name says what it counts.
func measured(name string, v any) string {
	number, ok := v.(float64)
	if !ok {
		return said(v)
	}
	switch name {
	case "at", "for", "phase", "offset", "delay", "jitter", "spread", "slow":
		return time.Duration(number).Round(time.Millisecond).String()
	case "reconnected":
		return fmt.Sprintf("after %.2f s", number)
	case "rate", "give":
		return fmt.Sprintf("%.4g", number)
	}
	return said(v)
}

// said is a JSON value as a person would write it.
func said(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case []any:
		var parts []string
		for _, part := range v {
			parts = append(parts, said(part))
		}
		return strings.Join(parts, ", ")
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

// during lists the numbers of the faults in force at some point of a stretch.
func during(faults []cluster.Fault, from, to time.Duration) []int {
	var numbers []int
	for i, f := range faults {
		if f.At <= to && f.Healed >= from {
			numbers = append(numbers, i+1)
		}
	}
	return numbers
}
