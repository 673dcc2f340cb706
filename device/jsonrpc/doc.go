// Package jsonrpc is the till API: JSON-RPC 2.0 as docs/INTEGRATION.md and docs/openrpc.json
// describe it.
//
// A [Server] authenticates tills and serves each connection with a session. The session is three
// layers: a [Conn] moves whole messages and knows nothing of their content; a machine, synchronous
// and without goroutines, decides what is carried out and answered, in which order; a thin shell
// around both owns the goroutines. Conns are here for WebSocket ([Server.Handler]) and for serial
// and TCP lines, which somebody else opens ([Server.ServeLine]).
//
// It decides nothing about money: it reads requests strictly, hands them to [device.Payments] and
// passes on what that says. Nothing is kept on disk and nothing has to survive a crash: an outcome
// that a till did not acknowledge is owed by the engine, which sends it again on the next
// connection. Losing a connection loses no request that was handed over and repeats none.
//
// A Server is safe for concurrent use. The callbacks that it gives to device.Payments never block:
// what a till does not read in time fills that till's bounded outbox, and a full outbox ends that
// connection only.
package jsonrpc
