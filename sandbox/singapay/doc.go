// Package singapay is the HTTP side of a simulated SingaPay: access token, payment links, QRIS
// codes, their histories, the customer's page, and signed webhooks with retries, all with scripted
// faults.
//
// It is written from docs/protocols/singapay.md alone and shares no code with the client that it
// tests, so that one mistake is not made twice. It refuses what that page says is refused, drops
// unknown request fields without a word as the gateway does (the control endpoints name them under
// notes), and moves no money. It authenticates nobody on its control endpoints: mount it on a
// loopback listener.
//
// A [Server] may be used by any number of goroutines. Webhooks are sent by Run alone (or by
// Deliver), one after the other in the order in which they fall due. Nothing survives a crash or a
// restart, except, with [Config.Book], links, codes and payments: not tokens, faults, or retries
// that were under way. Secrets and tokens never reach its log.
//
// # Assumptions
//
// Whatever the gateway's documentation leaves open, and a client could notice, a field of [Config]
// chooses; the zero value is the likeliest. The page has a table of all that is taken for true here
// and how sure it is: "What the simulation takes for true".
//
// # Amounts
//
// On the control side they are ISO minor units (Rp10.000 is 1000000), as in sandbox.Collected; on
// the wire they are rupiah.
package singapay
