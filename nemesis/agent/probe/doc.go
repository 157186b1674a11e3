// Package probe sends every peer a small numbered datagram at a steady pace
// and remembers which ones arrived: the evidence of who could reach whom, and
// when, that does not depend on the system under test.
//
// A probe is one datagram; its number counts rounds, and all peers are sent
// the same number in a round. Its time is the sender's CLOCK_MONOTONIC, which
// all containers share.
package probe
