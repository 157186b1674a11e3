// Package scenario reads scenarios: a workload, plans of the nemesis, a
// cluster and limits, from YAML to a validated struct.
//
// A place is where a value came from, a file's line or a command-line flag;
// every complaint names the place, what was found there and what is allowed.
// An override sets one key from the command line. A resolved scenario has
// every key filled in and can be written as YAML and read back.
package scenario
