// Package singapay speaks SingaPay's B2B API for money in: it creates the payment link or the QRIS
// code that the customer scans, asks what became of it, closes a link, and verifies the
// notifications that SingaPay sends. The currency is IDR, in ISO 4217 minor units (1/100 rupiah);
// SingaPay takes whole rupiah only.
//
// It does no more than that: no storage, no repetition, no pacing, no comparison with a payment. A
// Record says what SingaPay stated, and package payment decides what that is worth. SingaPay
// documents no refund of a payment link, so there is none. Wire facts, and how sure each one is,
// stand in docs/protocols/singapay.md.
//
// A [Gateway] is safe for concurrent use. It keeps the access token, the ids of the links that it
// saw last, and idle connections; all of that can be had again, so nothing has to survive a crash.
//
// # What is asked
//
// A create is sent once, on a connection of its own. It is repeated in one case only: SingaPay said
// that the access token is not valid, and so has done nothing. When the answer is lost, nobody
// knows whether a link exists; Query finds it by our reference. What SingaPay echoes is compared
// with what was asked, because it drops fields that it does not know without a word.
//
// Query starts from our reference alone, so it works after a restart. A link is paid when an
// attempt that names the link says so: neither the link's own status, its payment_date nor its
// counter is believed, but they are enough to doubt an answer without a payment. Such an answer
// counts only if the lists were read to a provable end; every doubt is a Failure.
//
// # What is believed
//
// A notification is authentic because its HMAC-SHA512 was made with our client secret over the path
// that the dashboard was given, and nothing else about a delivery is believed. What exactly
// SingaPay hashes is documented by example only, so six forms of the body are tried; each is as
// hard to forge as the other. A notification that is authentic and old states nothing but
// StatusStale: whoever books it asks SingaPay.
//
// # What a site may set
//
// Nobody here has seen a real delivery. Where SingaPay is otherwise than its pages, Config's Words,
// Members, Events, Answers, Headers and Reference mend it: a value is read where exactly one of its
// names is there, nothing unsigned is believed, and no list proves more than it shows. Each refusal
// and failure names the key; Describe and Config.Observe say, line by line and without a value of
// anybody's, how what came stands to the pages.
//
// # How to hold the keys
//
// The client secret signs the request for an access token and verifies every
// notification. It comes as a secret.Value from a file or a systemd credential; neither a Gateway
// nor an error ever prints it, nor an access token, nor what SingaPay tells about the customer
// (names, addresses, phone and account numbers), of which nothing is kept. To rotate: set the new
// one as ClientSecret and the old one as PreviousSecret until SingaPay signs with the new one.
package singapay
