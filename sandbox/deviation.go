package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Deviation is one way in which the real AXS may differ from its pages, for Config.As. Nobody knows
// that it does; each is a guess at what the first live sale may show.
type Deviation struct {
	Name  string
	Says  string // what it does, in a sentence
	Paper string // what AXS's pages say of it
	// Keys are those of the agent's configuration that mend it; "" = it is taken as it is, or
	// refused for good
	Keys string
	bend bend
}

// Deviations lists them all.
func Deviations() []Deviation {
	return slices.Concat(ofWords(), ofNames(), ofForms(), ofEnvelopes(), ofCarriage(), ofAnswers(),
		ofLinks(), ofCodesAnswered(), atOnce())
}

// FindDeviation is the one of this name; "" has none, and is as AXS's pages say.
func FindDeviation(name string) (Deviation, error) {
	all := Deviations()
	i := slices.IndexFunc(all, func(d Deviation) bool { return d.Name == name })
	switch {
	case name == "":
		return Deviation{}, nil
	case i < 0:
		return Deviation{}, fmt.Errorf("there is no deviation %.40q", name)
	default:
		return all[i], nil
	}
}

// ofWords are those of words.
func ofWords() []Deviation {
	const statuses = "SUCCESS, DECLINED or EXPIRED"
	return []Deviation{
		{"word-small", "A webhook's status is success.", statuses, "axs.words.paid",
			bend{webhook: instead("status", "SUCCESS", "success")}},
		{"word-paid", "A webhook's status is PAID.", statuses, "axs.words.paid",
			bend{webhook: instead("status", "SUCCESS", "PAID")}},
		{"word-blank", "A webhook's status has a blank behind it.", statuses, "axs.words.paid",
			bend{webhook: instead("status", "SUCCESS", "SUCCESS ")}},
		{"word-everywhere", "Webhooks and query say Approved.", statuses, "axs.words.paid",
			bend{webhook: instead("status", "SUCCESS", "Approved"),
				record: instead("status", "SUCCESS", "Approved")}},
		{"word-query", "The query says COMPLETED, and no webhook comes.", statuses + ", or SENT",
			"axs.words.paid",
			bend{silent: true, record: instead("status", "SUCCESS", "COMPLETED")}},
		{"word-failed", "A declined card is FAILED.", statuses, "axs.words.declined",
			bend{webhook: instead("status", "DECLINED", "FAILED"),
				record: instead("status", "DECLINED", "FAILED")}},
		{"word-timeout", "A wallet's code that has ended is TIMEOUT.", statuses,
			"axs.words.expired",
			bend{webhook: instead("status", "EXPIRED", "TIMEOUT"),
				record: instead("status", "EXPIRED", "TIMEOUT")}},
		{"word-pending", "A code that waits is PENDING.", "SENT in the query", "axs.words.pending",
			bend{record: instead("status", "SENT", "PENDING")}},
		{"code-000", "The response code is 000.", "00", "axs.words.code_ok",
			bend{webhook: instead("responseCode", "00", "000")}},
		{"code-number", "The response code is the number 0.", "text 00", "axs.words.code_ok",
			bend{webhook: value("responseCode", "0")}},
		{"type-sale", "A webhook has the transactionType SALE.", "no type; PAY in the query",
			"axs.words.type_pay", bend{webhook: value("transactionType", `"SALE"`)}},
		{"type-query", "The query's type is SALE, and no webhook comes.", "PAY",
			"axs.words.type_pay",
			bend{silent: true, record: value("transactionType", `"SALE"`)}},
	}
}

// ofNames are those of members' names.
func ofNames() []Deviation {
	const paper = "status, merchantRef, amount, …"
	return []Deviation{
		{"name-status", "The status of a webhook is paymentStatus.", paper, "axs.members.status",
			bend{webhook: renamed("status", "paymentStatus")}},
		{"name-reference", "The reference of a webhook is merchantReference.", paper,
			"axs.members.merchant_ref", bend{webhook: renamed("merchantRef", "merchantReference")}},
		{"name-amount", "The amount of a webhook is paidAmount.", paper, "axs.members.amount",
			bend{webhook: renamed("amount", "paidAmount")}},
		{"name-code", "The response code of a webhook is respCode.", paper, "",
			bend{webhook: renamed("responseCode", "respCode")}},
		{"name-transaction", "The number of a transaction is txnId.", paper, "",
			bend{webhook: renamed("transactionRef", "txnId"),
				record: renamed("transactionRef", "txnId")}},
		{"name-case", "A webhook's members begin with capitals.", paper,
			"axs.members.status axs.members.merchant_ref axs.members.amount",
			bend{webhook: renamed("status", "Status", "merchantRef", "MerchantRef", "amount",
				"Amount", "currency", "Currency")}},
		{"name-query", "The query's records have state, orderRef and total; no webhook comes.",
			paper, "axs.members.status axs.members.merchant_ref axs.members.amount",
			bend{silent: true,
				record: renamed("status", "state", "merchantRef", "orderRef", "amount", "total")}},
		{"name-type", "The query's records have type for transactionType; no webhook comes.",
			"transactionType", "axs.members.type",
			bend{silent: true, record: renamed("transactionType", "type")}},
		{"name-further", "There are further members, and one of them is an object.", paper, "",
			bend{webhook: all(value("terminalId", `"K-1"`), value("meta", `{"a":[1]}`)),
				record: value("meta", `{"a":[1]}`)}},
	}
}

// ofForms are those of amounts, currencies, references and times.
func ofForms() []Deviation {
	const dollars, ours = "text, in dollars, with two places", "the merchantRef as it was sent"
	dash := func(s string) string { return strings.Replace(s, "-", "", 1) }
	return []Deviation{
		{"amount-four", "An amount has four places.", dollars, "",
			bend{webhook: changed("amount", func(s string) string { return s + "00" })}},
		{"amount-number", "An amount is a number.", dollars, "",
			bend{webhook: func(m *members) { m.set("amount", m.get("amount")) },
				record: func(m *members) { m.set("amount", m.get("amount")) }}},
		{"amount-grouped", "An amount has its currency before it.", dollars, "",
			bend{webhook: changed("amount", func(s string) string { return "SGD " + s })}},
		{"amount-cents", "A webhook's amount is in cents.", dollars, "",
			bend{webhook: changed("amount", func(s string) string {
				return strings.Replace(s, ".", "", 1)
			})}},
		{"currency-absent", "A webhook names no currency.", "SGD, which is the default", "",
			bend{webhook: without("currency")}},
		{"currency-null", "A webhook's currency is null.", "SGD, which is the default", "",
			bend{webhook: value("currency", "null")}},
		{"currency-small", "A webhook's currency is sgd.", "SGD", "",
			bend{webhook: value("currency", `"sgd"`)}},
		{"currency-number", "A webhook's currency is 702.", "SGD", "",
			bend{webhook: value("currency", `"702"`)}},
		{"reference-small", "The reference comes back in small letters.", ours, "axs.reference",
			bend{webhook: changed("merchantRef", strings.ToLower),
				record: changed("merchantRef", strings.ToLower)}},
		{"reference-dash", "The reference comes back without its dash.", ours, "axs.reference",
			bend{webhook: changed("merchantRef", dash), record: changed("merchantRef", dash)}},
		{"time-local", "A time is written 16/01/2026 09:22.", "ISO 8601 in UTC", "",
			bend{webhook: value("paymentDateTime", `"16/01/2026 09:22"`),
				record: value("paymentDateTime", `"16/01/2026 09:22"`)}},
	}
}

// ofEnvelopes are those of tokens.
func ofEnvelopes() []Deviation {
	const p2c, kid, alg = "p2c 1000", "the Client ID", "PBES2-HS512+A256KW, A256GCM"
	return []Deviation{
		{"kid-other", "The kid is the name of a key of AXS's.", kid, "axs.key_ids",
			bend{seal: keyID("axs-hpp-key-7")}},
		{"kid-absent", "There is no kid.", kid, "", bend{seal: keyID("")}},
		{"p2c-2048", "A webhook's token has 2048 rounds.", p2c, "axs.max_p2c",
			bend{seal: iterations(2048)}},
		{"p2c-310000", "A webhook's token has 310 000 rounds.", p2c, "",
			bend{seal: iterations(310_000)}},
		{"alg-other", "A webhook's token is PBES2-HS256+A128KW.", alg, "",
			bend{seal: algorithm(jose.PBES2_HS256_A128KW)}},
		{"enc-other", "A webhook's token is A256CBC-HS512.", alg, "",
			bend{seal: func(o *seal) { o.enc = jose.A256CBC_HS512 }}},
		{"bare", "A webhook is plain JSON, which anybody can write.", "a JWE", "",
			bend{bare: true}},
	}
}

// ofCarriage are those of how webhooks come.
func ofCarriage() []Deviation {
	const paper = "data of the query; the modules also read jwe and token"
	object := func(name string) func(string) string {
		return func(token string) string { return `{"` + name + `":"` + token + `"}` }
	}
	const js, form = "application/json", "application/x-www-form-urlencoded"
	return []Deviation{
		{"carry-name", "The token is the query's parameter payload.", paper, "axs.members.token",
			bend{carry: inQuery("payload")}},
		{"carry-form", "The token is the field notification of a form.", paper,
			"axs.members.token", bend{carry: body(http.MethodPost, form,
				func(token string) string { return "notification=" + token })}},
		{"carry-capital", "The token is Data of a JSON object.", paper, "axs.members.token",
			bend{carry: body(http.MethodPost, js, object("Data"))}},
		{"carry-nested", "The token is within an object of an object.", paper, "",
			bend{carry: body(http.MethodPost, js, func(token string) string {
				return `{"event":{"data":"` + token + `"}}`
			})}},
		{"carry-header", "The token is in a header.", paper, "",
			bend{carry: func(r *http.Request, token string) {
				r.Method, r.URL.RawQuery = http.MethodPost, ""
				r.Header.Set("X-Axs-Token", token)
			}}},
		{"carry-put", "A webhook is a PUT.", "nothing", "",
			bend{carry: body(http.MethodPut, js, object("data"))}},
		{"carry-text", "A webhook says text/plain and is JSON.", "nothing", "",
			bend{carry: body(http.MethodPost, "text/plain", object("jwe"))}},
		{"carry-multipart", "A webhook is a multipart form.", "nothing", "",
			bend{carry: body(http.MethodPost, "multipart/form-data; boundary=b",
				func(token string) string {
					return "--b\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n" + token +
						"\r\n--b--\r\n"
				})}},
		{"carry-probe", "Each webhook has a HEAD before it.", "nothing", "",
			bend{before: http.MethodHead}},
		{"carry-silent", "No webhook comes.", "one for each outcome", "", bend{silent: true}},
	}
}

// ofAnswers are those of the query's shape.
func ofAnswers() []Deviation {
	const paper = "a JSON list of records"
	return []Deviation{
		{"query-data", "The query's list is data of an object; no webhook comes.", paper,
			"axs.query_list", bend{silent: true,
				answer: around(`{"code":"00","message":"OK","data":`, "}")}},
		{"query-deep", "The query's list is two objects deep; no webhook comes.", paper,
			"axs.query_list", bend{silent: true,
				answer: around(`{"result":{"transactions":`, `,"total":1},"success":true}`)}},
		{"query-one", "The query answers one record, and no list; no webhook comes.", paper,
			"axs.query_list", bend{silent: true, answer: first}},
		{"query-no-type", "The query's records have no type; no webhook comes.",
			"transactionType", "axs.query_type_default",
			bend{silent: true, record: without("transactionType")}},
		{"query-page", "The query answers the second page, which is empty.", paper, "",
			bend{answer: func([]byte) []byte {
				return []byte(`{"data":[],"page":2,"total":1,"hasMore":false}`)
			}}},
		{"query-denied", "The query answers 200, an empty list and a word of failure.", paper, "",
			bend{answer: func([]byte) []byte {
				return []byte(`{"data":[],"status":"FORBIDDEN"}`)
			}}},
		{"query-sealed", "The query's answer is encrypted; no webhook comes.", "plain, or not said",
			"", bend{silent: true, form: QueryCompact}},
		{"query-kid", "The query's answer is encrypted under another kid; no webhook comes.",
			"plain, or not said", "axs.key_ids",
			bend{silent: true, form: QueryData, sealed: keyID("axs-hpp-key-7")}},
		{"query-p2c", "The query's answer is encrypted with 4096 rounds; no webhook comes.",
			"plain, or not said", "axs.max_p2c",
			bend{silent: true, form: QueryData, sealed: iterations(4096)}},
	}
}

// ofLinks are those of what the hosted page takes.
func ofLinks() []Deviation {
	return []Deviation{
		{"link-dash", "A link's reference may have no dash.", "unique, at most 40 characters",
			"axs.reference", bend{refuse: not("merchantRef", "must be alphanumeric",
				func(raw json.RawMessage) bool { return strings.Contains(string(raw), "-") })}},
		{"link-number", "A link's amount must be a number.", "cents; the examples are texts",
			"axs.amount_as", bend{refuse: not("amount", "must be a number",
				func(raw json.RawMessage) bool { return raw[0] == '"' })}},
		{"link-expiry", "A link may have no expiry.", "not said; AXS's modules send it",
			"axs.send_expiry", bend{refuse: not("expiry", "is not allowed",
				func(json.RawMessage) bool { return true })}},
		{"link-path", "Links have the path /pay/v2/.", "/hpp/checkout/", "axs.link_path",
			bend{path: "/pay/v2/"}},
	}
}

// ofCodesAnswered are those of the answer to a request for a code.
func ofCodesAnswered() []Deviation {
	return []Deviation{
		{"qr-text", "A code's numbers are texts.", "numbers, or not said", "",
			bend{code: all(changed("expiry", strings.ToLower), changed("createdAt",
				strings.ToLower))}},
		{"qr-sealed", "The answer with the code is encrypted.", "plain, or not said", "",
			bend{form: QueryCompact}},
		{"qr-status", "The answer with the code has the status success.", "SUCCESS", "",
			bend{code: value("status", `"success"`)}},
		{"qr-reference", "The answer with the code has the reference in small letters.",
			"the merchantRef as it was sent", "axs.reference",
			bend{code: changed("merchantRef", strings.ToLower)}},
	}
}

// atOnce is several at once: where one key mends one of them, the next one shows.
func atOnce() []Deviation {
	record := all(instead("status", "SUCCESS", "Paid"), instead("responseCode", "00", "000"),
		changed("merchantRef", strings.ToLower),
		renamed("status", "state", "merchantRef", "orderRef", "amount", "total"))
	return []Deviation{{"everything",
		"Carriage, kid, names, words, reference and the query's shape are otherwise at once.",
		"as above", "axs.members.token axs.key_ids axs.members.status axs.members.merchant_ref " +
			"axs.members.amount axs.words.paid axs.words.code_ok axs.reference axs.query_list",
		bend{carry: inQuery("payload"), seal: keyID("axs-hpp-key-7"), webhook: record,
			record: record, answer: around(`{"data":`, "}")}}}
}

// LinkPath is what stands before the merchantLinkId in its links; "" = as AXS documents it.
func (d Deviation) LinkPath() string { return d.bend.path }
