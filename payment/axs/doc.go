// Package axs speaks AXS Checkout: it mints the checkout link that the customer scans or asks AXS
// for a wallet's code, verifies the notifications that AXS sends, and asks AXS's transaction query.
// All of them have one envelope, a JWE encrypted with a password (PBES2-HS512+A256KW, A256GCM, 1000
// iterations).
//
// It does no more than that: no clock, no storage, no repetition, no comparison with a payment.
// Mint and Open are local calls; only Query and FetchCode use the network, once a call. A Record
// says what AXS stated, and package payment decides what that is worth. Describe and Config.Observe
// tell what really came beside what AXS's pages say: names, types, words and times, and no value of
// anybody's. AXS documents no void and
// no refund, so there is none. Wire facts, and how sure each one is, stand in
// docs/protocols/axs.md.
//
// A [Gateway] is immutable and safe for concurrent use; it keeps nothing but idle connections of
// the query, for two minutes, so nothing has to survive a crash.
//
// # What is believed
//
// A notification is authentic because it opens with our secret; nothing else about a delivery is
// believed, neither its path, its headers nor its sender's address. Because anybody may post to the
// hook, a token's header is read and checked before the costly key derivation, and a token that
// asks for more iterations than Config.MaxP2C is refused unopened.
//
// A query's answer, or a code, may come unencrypted: it is authentic because TLS leads to the
// configured host, with no proxy and no redirect between. A query's answer counts whole or not at
// all, since a record that was left out because it could not be read might be the payment. What
// cannot be read, and each way of getting no answer, is a failure in our own words: the address of
// a question holds a token, so no error of net/http is ever passed on.
//
// # How to hold the keys
//
// AXS wants Client ID and Secret on servers only. The Secret is at least 20
// bytes, because each link on a screen is something to guess against offline, at 1000 iterations a
// guess. It comes as a secret.Value from a file or a systemd credential, and neither a Gateway nor
// an error ever prints it. To rotate: set the new one as Secret and the old one as PreviousSecret,
// until the last link minted with the old one has expired; links and questions are sealed with
// Secret only, notifications and answers open with both.
package axs
