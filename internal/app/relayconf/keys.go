package relayconf

import (
	"time"

	"kiosk-agent/internal/conf"
)

const day = 24 * time.Hour

// Keys is what each key means, and the bounds of its number. The reference and the file that the
// package brings are made from it.
func Keys() conf.Keys { return keys }

// keys is never written.
var keys = conf.Keys{
	"public_url": {Text: "What gateways and kiosks call: https://HOST[/PREFIX]. It is printed in " +
		"hook URLs, and its host is accepted as Host. Required, but with a loopback listener: " +
		"there \"\" means http:// and the listener's address, for this machine alone."},
	"public":        {Text: "The listener for gateways and kiosks."},
	"public.listen": {Text: "ADDRESS:PORT of the public listener; port 0 picks one."},
	"public.hosts":  {Text: "Further names accepted as Host on /v1/."},
	"public.proxies": {Text: "Addresses and CIDRs of proxies in front of the relay: what they " +
		"say in X-Forwarded-For is who sent a hook, and per_address does not bind them."},
	"public.per_address": {Text: "Connections of one address that have shown neither a token nor " +
		"a hook URL: so many may wait, and so many be answered. Loopback has no bound of its own.",
		Range: conf.Numbers(1, 0)},
	"public.tls_cert": {Text: "PEM file of the certificate. Empty: plain HTTP, behind a proxy " +
		"that terminates TLS. A changed file is picked up without a restart."},
	"public.tls_key": {Text: "PEM file of the certificate's key."},
	"public.cleartext": {Text: "true: an address that is not loopback may do without a " +
		"certificate, where something else encrypts the way from a proxy to here."},
	"admin":        {Text: "The listener for the operator commands and monitoring."},
	"admin.listen": {Text: "ADDRESS:PORT of /metrics."},
	"admin.socket": {Text: "Unix socket of the admin API, for the relay's user and root. Empty: " +
		"the API is at admin.listen too, where its token alone guards it."},
	"admin.token": {Text: "Where the admin API's token is: file:PATH (made at the first start, " +
		"mode 0600) or credential:NAME."},
	"admin.hosts": {Text: "Names accepted as Host beside loopback ones."},
	"admin.cleartext": {Text: "true: the address may be one that is not loopback, where " +
		"something else encrypts the way to it. Without a socket the admin's token travels there."},
	"store":     {Text: "Where hooks are kept until their kiosk has them."},
	"store.dir": {Text: "Directory of the embedded store; of one process only."},
	"store.url": {Text: "tls://HOST:PORT of an external JetStream instead, or nats:// on this " +
		"machine. Empty: none."},
	"store.credentials": {Text: "Credentials file of the external JetStream. Empty: it asks for " +
		"none."},
	"store.cleartext": {Text: "true: nats:// may lead over a network, where something else " +
		"encrypts it; else write tls://."},
	"store.max_bytes": {Text: "Room for all hooks; a full store answers 503.",
		Range: conf.Sizes(1<<20, 0)},
	"store.retention": {Text: "How long hooks are held.", Range: conf.Times(time.Hour, 366*day)},
	"store.quota_per_route": {Text: "Messages held per route, canaries too; more are answered " +
		"429. A merchant's route is one for all its terminals.", Range: conf.Numbers(100, 0)},
	"store.min_free": {Text: "Free space on dir's disk below which hooks are answered 503: a " +
		"write that fails for want of space breaks the store until a restart.",
		Range: conf.Sizes(1<<20, 0)},
	"store.replicas": {Text: "Copies of each stream, in an external cluster.",
		Range: conf.Numbers(1, 5)},
	"hook": {Text: "How much a gateway may post."},
	"hook.rate": {Text: "Requests per second and route, above 0; a merchant's route is one for " +
		"all its terminals."},
	"hook.shapes": {Text: "What a notification may look like: token (five parts with dots " +
		"between, in body, query or path), signature (a header whose name has the word). What " +
		"looks like none of them has a tenth of rate, burst and quota, beside the others: a " +
		"flood of it takes nothing of theirs. []: everything may be one."},
	"hook.gateways": {Text: "From where hooks come: none, one or several entries. Others " +
		"are answered 403."},
	"hook.gateways[].terminals": {Text: "Terminals whose own hook URLs are meant. Neither " +
		"terminals nor merchants: all hook URLs."},
	"hook.gateways[].merchants": {Text: "Merchants whose hook URLs are meant."},
	"hook.gateways[].from": {Text: "Addresses and CIDRs of the gateway, as it publishes them. " +
		"Test messages come from kiosks, and are taken from everywhere."},
	"hook.burst": {Text: "Requests at once per route.", Range: conf.Numbers(1, 0)},
	"stream":     {Text: "The connections of kiosks."},
	"stream.in_flight": {Text: "Deliveries sent before an acknowledgement is awaited.",
		Range: conf.Numbers(1, 200)},
	"stream.ping": {Text: "Time between pings. Three without a sound end a connection; agents " +
		"take one for dead after 45s.", Range: conf.Times(time.Second, 15*time.Second)},
	"log":        {Text: "The program's log, on standard error."},
	"log.level":  {Text: "debug, info, warn or error."},
	"log.format": {Text: "text or json."},
}
