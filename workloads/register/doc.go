// Package register is the workload of many registers: read, write and
// compare-and-set on keys that are retired after a while, with values that are
// never written twice.
//
// A register's value is a whole number, or null before the first write. A
// compare-and-set that finds another value is ok with swapped false: it is an
// observation, not a failure.
package register
