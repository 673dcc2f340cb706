package config

import (
	"maps"
	"strings"
	"time"

	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/conf"
	"kiosk-agent/ui"
)

const day = 24 * time.Hour

// leastAnswer is the least answer_within that any settle goes with.
const leastAnswer = 3 * time.Second

// Keys is what each key means, the bounds of its number, and what its examples say, with the
// sections of a table of gateways. The reference and the examples are made from it.
func Keys(t gateways.Table) conf.Keys {
	all := maps.Clone(keys)
	all["payment.provider"] = conf.Key{Text: "The gateway: " + oneOf(t.Names()) + "."}
	for _, row := range t {
		all[row.Name] = conf.Key{Text: row.Doc}
		for name, key := range row.Keys {
			all[row.Name+"."+name] = key
		}
	}
	return all
}

// oneOf lists names in words.
func oneOf(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// keys are those of Config, but for payment.provider. They are never written.
var keys = conf.Keys{
	"terminal": {Text: "This terminal."},
	"terminal.id": {Text: "Name of this terminal, at most 32 characters, shown in the AXS " +
		"portal. Required.",
		Example: `"K001"`},
	"terminal.tag": {Text: "8 characters A-Z and 0-9: the start of each merchantRef; unique per " +
		"merchant. Empty: derived from id."},
	"terminal.currency":   {Text: "ISO 4217 code of all amounts."},
	"terminal.max_amount": {Text: "Largest amount of one payment, in minor units (cents)."},
	"payment":             {Text: "How payments run."},
	"payment.mode": {Text: "link: the QR code holds the gateway's checkout link. qr: the " +
		"gateway makes a code for one wallet (PayNow, Alipay, WeChat Pay), which the customer's " +
		"app scans; needs qr_url."},
	"payment.timeout": {Text: "The customer's time to pay.",
		Range: conf.Times(30*time.Second, 15*time.Minute)},
	"payment.settle": {Text: "After a cancel or the deadline, how long a payment made in the " +
		"last moment has to be reported.",
		Range: conf.Times(time.Second, time.Minute)},
	"payment.answer_within": {Text: "After a cancel or the deadline, the till is answered " +
		"within this time: at the latest unknown. What it must be at least depends on settle: " +
		"see below.",
		Range: conf.Times(leastAnswer, 2*time.Minute)},
	"payment.after_declined": {Text: "wait: a declined attempt leaves the code on the screen; " +
		"finish: it ends the payment. Empty: wait in mode link, finish in mode qr."},
	"payment.watch": {Text: "How long late money is asked for; webhooks are matched for ever.",
		Range: conf.Times(time.Hour, 30*day)},
	"payment.reuse_window": {Text: "How long a repeated request is answered with its final, " +
		"unacknowledged payment.",
		Range: conf.Times(time.Second, time.Hour)},
	"payment.require_canary": {Text: "Sales are refused unless a test message came back through " +
		"the relay this recently. They go out every third of it, at most every 10s.",
		Range: conf.Times(15*time.Second, day).OrZero("no sale is refused for that, once the " +
			"relay was reached after the start")},
	"payment.require_display": {Text: "Sales are refused unless a customer display shows what " +
		"it is told."},
	"payment.approve_needs_query": {Text: "true: a notification alone never makes a sale " +
		"approved; the gateway's transaction query must report the payment too. The code leaves " +
		"the screen at once; without the query's word within answer_within the till hears " +
		"unknown. Needs a query."},
	"payment.offline_link": {Text: "Mode qr only: show the link when the request for a code " +
		"provably never left. The portal's payment link must be of the type Redirect to Payment " +
		"Page for that."},
	"relay": {Text: "The way by which the gateway's word reaches this terminal."},
	"relay.url": {Text: "The relay: wss://HOST (ws:// only for a loopback address). Required.",
		Example: `"wss://relay.example.com"`},
	"relay.token": {Text: "Where this terminal's relay token is: file:PATH or credential:NAME. " +
		"Required.",
		Example: `"file:/etc/kiosk-agent/relay.token"`},
	"relay.hook_url": {Text: "The webhook address that the gateway calls: " +
		"https://HOST/hook/ROUTE. Required. Whoever knows it can send us rubbish: keep it to " +
		"yourself.",
		Example: `"https://relay.example.com/hook/route"`},
	"till":           {Text: "Who may ask for payments."},
	"till.websocket": {Text: "Tills on the local WebSocket."},
	"till.websocket.listen": {Text: "Address and port; empty: off. An address that is not " +
		"loopback needs tls_cert and tls_key."},
	"till.websocket.tills": {Text: "The tills, each with a name and a token of its own."},
	"till.websocket.tills[].name": {Text: "The till's name, shown to staff; references are per " +
		"till.",
		Example: `"till-1"`},
	"till.websocket.tills[].token": {Text: "Where the till's token is: file:PATH or " +
		"credential:NAME.",
		Example: `"file:/etc/kiosk-agent/till.token"`},
	"till.websocket.tills[].display": {Text: "The till shows the code itself and says so with " +
		"payment.shown."},
	"till.websocket.allowed_origins": {Text: "Origins of pages that may connect, exactly as " +
		"browsers send them."},
	"till.websocket.hosts": {Text: "Host names, besides loopback ones, under which the listener " +
		"is reached."},
	"till.websocket.tls_cert": {Text: "PEM file of the listener's certificate."},
	"till.websocket.tls_key":  {Text: "PEM file of the certificate's key."},
	"till.serial":             {Text: "Tills on a serial or TCP line: none, one or several."},
	"till.serial[].name": {Text: "The till's name.",
		Example: `"till-2"`},
	"till.serial[].device": {Text: "A serial device by a stable name (/dev/serial/by-id/…, " +
		"/dev/kiosk-till, usb:VID:PID), tcp-listen:ADDRESS:PORT or tcp-connect:HOST:PORT.",
		Example: `"/dev/kiosk-till"`},
	"till.serial[].allow_from": {Text: "CIDRs that may connect to a tcp-listen address that is " +
		"not loopback."},
	"till.serial[].token":    {Text: "TCP with jsonrpc: where the till's token is."},
	"till.serial[].protocol": {Text: "ecr or jsonrpc."},
	"till.serial[].dialect": {Text: "ECR dialect: paycube, nets, linkpos, uob, or the absolute " +
		"path of a dialect file (docs/ECR-DIALECTS.md)."},
	"till.serial[].baud":      {Text: "Bits per second."},
	"till.serial[].data_bits": {Text: "Bits per character."},
	"till.serial[].parity":    {Text: "none, odd or even."},
	"till.serial[].stop_bits": {Text: "1 or 2."},
	"till.serial[].flow":      {Text: "none or rtscts."},
	"display":                 {Text: "The customer display."},
	"display.listen":          {Text: "Address and port of the display's page; loopback."},
	"display.token": {Text: "Where the display's token is: file:PATH (made at first start) or " +
		"credential:NAME."},
	"display.merchant_name": {Text: "Shown to the customer.", People: true, Example: `"..."`},
	"display.logo":          {Text: "An SVG or PNG file shown to the customer; empty: none."},
	"display.languages": {Text: "Of " + strings.Join(ui.Languages(), ", ") +
		"; the first is the largest on the screen."},
	"display.touch": {Text: "The customer can touch the display: in mode qr, where axs.schemes " +
		"names several wallets and the till none, it asks for one. false: the first is taken."},
	"journal":      {Text: "The durable record of every payment."},
	"journal.path": {Text: "The journal's file."},
	"journal.retention": {Text: "How long links and opened deliveries are kept; references, " +
		"amounts and outcomes are kept for ever.",
		Range: conf.Times(day, 0)},
	"journal.min_free": {Text: "New sales are refused below this much free disk, so that " +
		"running ones can finish.",
		Range: conf.Sizes(1<<20, 0).OrZero("none is refused for that")},
	"metrics": {Text: "Metrics and health, for monitoring, and a status page for people."},
	"metrics.listen": {Text: "Address and port of the status page (/), /metrics, /healthz and " +
		"/readyz; empty: off."},
	"admin":        {Text: "The operator commands' way to the running program."},
	"admin.socket": {Text: "The Unix socket of the operator commands."},
}
