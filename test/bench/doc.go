// Package bench measures the product from outside, each row beside its floor or its peer in the
// same run, pair by pair: a time alone says more about the machine than about us, a ratio says what
// somebody else could have had here. The floor is a process of this room that does only what must
// be done (one fsync, one derived key, one message); the peer, in the folder peer, is the one file
// of Node that somebody would write instead of kiosk-agent.
//
// `make bench` measures all rows, writes the generated part of docs/BENCHMARKS.md and adds a line
// to history.jsonl, which is what the next run is compared with; `make bench ROW=name` measures
// one and writes nothing. TestRows tries each row once, and asserts no time.
//
// There is nothing to import here. Two runs at once disturb each other. What a run leaves is in
// the two files; a run that is killed has written neither.
package bench
