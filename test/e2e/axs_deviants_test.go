package e2e_test

import "kiosk-agent/payment"

// needsQuery is the policy with which raised words count, and times that suit a test.
const (
	quick      = "answer_within = \"12s\"\n"
	needsQuery = quick + "approve_needs_query = true\n"
)

// deviant is how a sale at a gateway ends that differs from its pages.
type deviant struct {
	as      string // the deviation
	way     string // of the demo's; "" = axs
	press   string // the customer's button; "" = pay
	scheme  string // "" = PAYNOW
	without payment.Status
	// with it the sale ends as it must: approved, unless ends says otherwise
	settings string
	ends     payment.Status
	// where the key is named: "" = by the worklist, a failure of the query or a line of Describe
	// and Observe; "refused" = the configuration is refused with it; "page" = on the phone alone
	// can it be seen, and docs/INSTALL-AXS.md names it
	named string
}

const (
	approved = payment.StatusApproved
	unknown  = payment.StatusUnknown
	nobody   = payment.StatusCancelled
)

// deviants has a row for each deviation of the simulated AXS. What has no settings is taken as it
// is, or cannot be mended on site and is refused rightly; then the query says what became of it.
func deviants() []deviant {
	return []deviant{
		// words: the query says SUCCESS, unless the word is everywhere
		{as: "word-small", without: approved, settings: `words.paid = ["success"]`},
		{as: "word-paid", without: approved, settings: `words.paid = ["PAID"]`},
		{as: "word-blank", without: approved, settings: `words.paid = ["SUCCESS "]`},
		{as: "word-everywhere", without: unknown, settings: `words.paid = ["Approved"]`},
		{as: "word-query", without: unknown, settings: `words.paid = ["COMPLETED"]`},
		{as: "word-failed", press: "decline", scheme: "VISA", without: unknown,
			settings: `words.declined = ["FAILED"]`, ends: payment.StatusDeclined},
		{as: "word-timeout", press: "expire", without: unknown,
			settings: `words.expired = ["TIMEOUT"]`, ends: payment.StatusExpired},
		{as: "word-pending", press: "show_code", without: unknown,
			settings: `words.pending = ["PENDING"]`, ends: payment.StatusCancelled},
		{as: "code-000", without: approved, settings: `words.code_ok = ["000"]`},
		{as: "code-number", without: approved, settings: `words.code_ok = ["0"]`},
		{as: "type-sale", without: approved, settings: `words.type_pay = ["SALE"]`},
		{as: "type-query", without: unknown, settings: `words.type_pay = ["SALE"]`},

		// names
		{as: "name-status", without: approved, settings: `members.status = ["paymentStatus"]`},
		{as: "name-reference", without: approved,
			settings: `members.merchant_ref = ["merchantReference"]`},
		{as: "name-amount", without: approved, settings: `members.amount = ["paidAmount"]`},
		{as: "name-code", without: approved},
		{as: "name-transaction", without: approved},
		{as: "name-case", without: approved, settings: `members.status = ["Status"]
members.merchant_ref = ["MerchantRef"]
members.amount = ["Amount"]
members.currency = ["Currency"]`},
		{as: "name-query", without: unknown, settings: `members.status = ["state"]
members.merchant_ref = ["orderRef"]
members.amount = ["total"]`},
		{as: "name-type", without: unknown, settings: `members.type = ["type"]`},
		{as: "name-further", without: approved},

		// forms: an amount that is a hundredfold is another one and refused; the query has it right
		{as: "amount-four", without: approved},
		{as: "amount-number", without: approved},
		{as: "amount-grouped", without: approved},
		{as: "amount-cents", without: approved},
		{as: "currency-absent", without: approved},
		{as: "currency-null", without: approved},
		{as: "currency-small", without: approved},
		{as: "currency-number", without: approved},
		{as: "reference-small", without: unknown, settings: `reference = "loose"`},
		{as: "reference-dash", without: unknown, settings: `reference = "loose"`},
		{as: "time-local", without: approved},

		// envelopes: more rounds than 10 000 anybody could make this machine count; another
		// algorithm, and what is not encrypted, proves nothing
		{as: "kid-other", without: approved, settings: `key_ids = ["axs-hpp-key-7"]`},
		{as: "kid-absent", without: approved},
		{as: "p2c-2048", without: approved, settings: `max_p2c = 2048`},
		{as: "p2c-310000", without: approved},
		{as: "alg-other", without: approved},
		{as: "enc-other", without: approved},
		{as: "bare", without: approved},

		// carriage: no key has the agent look into headers, or deeper than AXS's modules do
		{as: "carry-name", without: approved, settings: `members.token = ["payload"]`},
		{as: "carry-form", without: approved, settings: `members.token = ["notification"]`},
		{as: "carry-capital", without: approved, settings: `members.token = ["Data"]`},
		{as: "carry-nested", without: approved},
		{as: "carry-header", without: approved},
		{as: "carry-put", without: approved},
		{as: "carry-text", without: approved},
		{as: "carry-multipart", without: approved},
		{as: "carry-probe", without: approved},
		{as: "carry-silent", without: approved},

		// answers: no webhook comes, but for the two that cannot be mended
		{as: "query-data", without: unknown, settings: `query_list = "data"`},
		{as: "query-deep", without: unknown, settings: `query_list = "result.transactions"`},
		{as: "query-one", without: unknown, settings: `query_list = "."`},
		{as: "query-no-type", without: unknown, settings: `query_type_default = "PAY"`},
		{as: "query-page", without: approved},
		{as: "query-denied", without: approved},
		{as: "query-sealed", without: approved},
		{as: "query-kid", without: unknown, settings: `key_ids = ["axs-hpp-key-7"]`},
		{as: "query-p2c", without: unknown, settings: `max_p2c = 4096`},

		// links: the page is seen on the phone alone
		{as: "link-dash", without: nobody, settings: `reference = "plain"`, named: "page"},
		{as: "link-number", without: nobody, settings: `amount_as = "number"`, named: "page"},
		{as: "link-expiry", without: nobody, settings: `send_expiry = false`, named: "page"},
		{as: "link-path", settings: `link_path = "/pay/v2/"`, named: "refused"},

		// codes: one that is not confirmed is not shown, whatever the answer means
		{as: "qr-text", way: "axs-qr", without: approved},
		{as: "qr-sealed", way: "axs-qr", without: approved},
		{as: "qr-status", way: "axs-qr", without: nobody},
		{as: "qr-reference", way: "axs-qr", without: nobody, settings: `reference = "loose"`},

		{as: "everything", without: unknown, settings: `members.token = ["payload"]
members.status = ["state"]
members.merchant_ref = ["orderRef"]
members.amount = ["total"]
words.paid = ["Paid"]
words.code_ok = ["000"]
key_ids = ["axs-hpp-key-7"]
reference = "loose"
query_list = "data"`},
	}
}
