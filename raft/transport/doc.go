// Package transport carries Raft's messages between members over TCP.
//
// The nouns:
//
//   - A [TCP] is one member's end: its listener and its connections.
//   - A frame is one [core.Envelope] in bytes, with a length and a CRC32C.
//   - A hello opens every connection: it says which cluster, from whom, to
//     whom and which stream.
//   - A stream is what flows over one connection, from its dialler to the
//     listener and never back: the ordinary one of a peer, kept open and in
//     order, or the one for the pieces of snapshots (§7 of the extended Raft
//     paper), opened when the first is sent and closed when none has come for
//     some seconds, so that no heartbeat ever waits behind a snapshot. Replies
//     use the peer's own connection in the other direction.
//
// Nothing here promises delivery: a message may be lost, and Raft expects
// that. What is promised is that Send never blocks, that every queue is
// bounded, and that a hostile peer costs a connection and no more: a frame
// that is too long, has a wrong checksum or does not parse closes the
// connection it came on and is counted.
//
// What happens to a peer that does not answer: data that it has not
// acknowledged for Options.PeerSilence closes the connection
// (TCP_USER_TIMEOUT). Until then messages wait in the peer's queue; then they
// are thrown away, and so is what was queued up to each attempt to dial that
// fails. Attempts follow each other with a back-off of at most a second, and
// at once when the peer itself connects, so that a cluster whose network heals
// is whole again about a second later.
package transport
