// Package session is the workload of clients that send a command again when
// they do not know what became of it, as the thesis wants them to (section 6.3):
// each opens a session, numbers its commands, and a command is executed once,
// however many copies of it arrive, and wherever.
//
// The objects are the lists of package append, whose values are never appended
// twice: one that is in a list twice was executed twice. An operation is one
// command with all its copies. It is ok when a copy was answered, with the
// answer; fail when none of its copies can have been executed; and info
// otherwise, also when its session has expired and a copy got no answer: that one was
// executed before, or never will be. The completion tells of every copy.
//
// The ways to append, by How:
//
//   - plain, the empty one: a copy that gets no answer in time is followed by
//     another, to the next node if the client is not bound to one.
//   - [Twice]: after the answer one more copy, to another node.
//   - [Impatient]: the second copy follows the first at once, more or less.
//   - [Old]: after the answer, a copy of the command before, which the session
//     has to refuse.
//   - [Fresh]: in a new session; the one before is set aside.
//   - [Late]: in the session that was set aside, which may have expired by now.
//     Then a second copy has to be refused as the first was; if it has not, a
//     second copy has to get the first one's answer.
//
// A copy of which the answer was a definite error is not followed by another,
// unless an earlier one is unanswered: clients repeat nothing else.
package session
