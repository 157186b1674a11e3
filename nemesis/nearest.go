package nemesis

// Nearest finds the name that somebody may have meant: the one with the least
// number of inserted, dropped and replaced letters, if at most a third of the
// letters differ (rounded), or an empty string.
func Nearest(name string, names []string) string {
	const longest = 64 // longer ones are no slip of the finger
	if len(name) > longest {
		return ""
	}
	best, least := "", max(1, (len(name)+1)/3)+1
	for _, candidate := range names {
		if d := distance(name, candidate); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
