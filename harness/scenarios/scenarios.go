// Package scenarios holds the scenarios that ship: one YAML file each, named
// like the scenario, opening with a comment that says what it shows.
package scenarios

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// suffix ends the name of every scenario's file.
const suffix = ".yaml"

// Names lists the scenarios, sorted.
func Names() []string {
	// An embedded directory cannot fail to be listed; Glob sorts.
	found, _ := fs.Glob(files, "*"+suffix)
	for i := range found {
		found[i] = strings.TrimSuffix(found[i], suffix)
	}
	return found
}

// Read gives the text of a scenario and the name of its file, or says that
// there is none of that name.
func Read(name string) (data []byte, file string, ok bool) {
	file = name + suffix
	data, err := files.ReadFile(file)
	return data, file, err == nil
}
