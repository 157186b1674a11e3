// Package route is what the clients of all workloads have in common: where a
// worker's next operation goes, and what an answer says of the operation's
// fate.
//
// A Route belongs to one worker. A bound worker stays with its node whatever
// happens; a roaming one follows the leader that errors name, and leaves a
// node that does not answer. Nothing is asked twice: a hidden retry would turn
// one operation of a history into two.
package route
