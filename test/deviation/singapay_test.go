package deviation_test

import (
	"context"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
	adapter "kiosk-agent/payment/singapay"
	sandbox "kiosk-agent/sandbox/singapay"
)

const (
	clientSecret = "the-client-secret-of-a-sandbox"
	accountID    = "01K946KF851RK7FX075GJHBVKF"
)

var price = payment.Money{Amount: 1_500_000, Currency: payment.IDR}

// part is what of a gateway is otherwise in a row.
type part int

const (
	notified part = iota // the notification; the query has it right
	asked                // the query; no notification comes
	made                 // what a create makes
	silent               // the query about a sale that nobody pays
)

// row is what becomes of a sale where SingaPay deviates.
type row struct {
	as   string
	part part
	key  string // that mends it, and is named without; "" = none does, or none is needed
	set  func(*adapter.Config)
	// the key's words make a payment of a statement: payment.approve_needs_query
	raises bool
	// without a key the sale is approved by the very part that deviates
	taken bool
	// no one key mends it, but all that the lines say
	byLines bool
	why     string // no key mends it, because
}

// singaPayRows has a row for each deviation of the simulated SingaPay.
func singaPayRows() []row {
	member := func(f func(*adapter.Members) *[]string, names ...string) func(*adapter.Config) {
		return func(c *adapter.Config) { *f(&c.Members) = names }
	}
	const tr = "data.transaction."
	return slices.Concat(singaPayNotifications(), singaPayCarriage(), []row{
		{as: "link-nested", part: made, key: "singapay.answers.object",
			set: func(c *adapter.Config) { c.Answers.Object = []string{"data.payment_link"} }},
		{as: "link-url", part: made, key: "singapay.members.payment_url",
			set: member(func(m *adapter.Members) *[]string { return &m.PaymentURL },
				"checkout_url")},
		{as: "link-id", part: made, key: "singapay.members.made_id",
			set: member(func(m *adapter.Members) *[]string { return &m.MadeID }, "link_id")},
		{as: "link-id-text", part: made, taken: true},
		{as: "link-reference", part: made, key: "singapay.members.made_ref",
			set: member(func(m *adapter.Members) *[]string { return &m.MadeRef },
				"merchant_ref")},
		{as: "link-amount", part: made, key: "singapay.members.made_amount",
			set: member(func(m *adapter.Members) *[]string { return &m.MadeAmount }, "amount")},
		{as: "link-amount-text", part: made, taken: true},
		{as: "link-few", part: made, taken: true},
		{as: "link-active", part: made, taken: true},
		{as: "link-utc", part: made, taken: true},
		{as: "link-fee", part: made, why: "each customer would pay more than the sale"},
		{as: "link-fee-number", part: made, why: "each customer would pay more than the sale"},
		{as: "link-endless", part: made, why: "the next customer could pay it again"},
		{as: "link-usd", part: made, why: "it is other money"},
		{as: "reference-lower", part: made, key: "singapay.reference",
			set: func(c *adapter.Config) { c.Reference = adapter.ReferenceLoose }},
		{as: "reference-plain", part: made, key: "singapay.reference",
			set: func(c *adapter.Config) { c.Reference = adapter.ReferencePlain }},
		{as: "code-other", part: made, key: "singapay.words.code_ok",
			set: func(c *adapter.Config) { c.Words.CodeOK = []string{"SP100"} }},
		{as: "envelope-v1", part: made, taken: true},
		{as: "envelope-v2", part: made, taken: true},
		{as: "envelope-none", part: made, taken: true},
		{as: "created-201", part: made, taken: true},
		{as: "token-renamed", part: made, key: "singapay.members.access_token",
			set: member(func(m *adapter.Members) *[]string { return &m.AccessToken },
				"accessToken")},
		{as: "token-number", part: made, taken: true},

		{as: "envelope-failed", part: asked, why: "what calls itself no success is no answer"},
		{as: "list-laravel", part: asked, key: "singapay.answers.list",
			set: func(c *adapter.Config) { c.Answers.List = []string{"data.data"} }},
		{as: "list-histories", part: asked, key: "singapay.answers.list",
			set: func(c *adapter.Config) { c.Answers.List = []string{"data.histories"} }},
		{as: "list-object", part: asked, key: "singapay.answers.single",
			set: func(c *adapter.Config) { c.Answers.Single = true }},
		{as: "list-holes", part: asked, key: "singapay.answers.single",
			set: func(c *adapter.Config) { c.Answers.Single = true }},
		{as: "list-unpaged", part: silent, key: "singapay.answers.unpaged",
			set: func(c *adapter.Config) { c.Answers.Unpaged = true }},
		{as: "list-cut", part: silent, why: "what a list leaves out may be the payment"},
		{as: "attempt-word", part: asked, key: "singapay.words.paid", raises: true,
			set: func(c *adapter.Config) { c.Words.Paid = []string{"PAID"} }},
		{as: "attempt-status", part: asked, key: "singapay.members.attempt_status",
			set: member(func(m *adapter.Members) *[]string { return &m.AttemptStatus }, "state")},
		{as: "attempt-link", part: asked, key: "singapay.members.attempt_link",
			set: member(func(m *adapter.Members) *[]string { return &m.AttemptLink }, "link_ref")},
		{as: "attempt-nameless", part: asked, why: "nobody knows whose payment it is"},
		{as: "attempt-reference", part: asked, key: "singapay.members.attempt_ref",
			set: member(func(m *adapter.Members) *[]string { return &m.AttemptRef },
				"transaction_id")},
		{as: "attempt-amount", part: asked, key: "singapay.members.attempt_amount",
			set: member(func(m *adapter.Members) *[]string { return &m.AttemptAmount }, "total")},
		{as: "attempt-disagrees", part: asked, why: "one of the two words is wrong"},
		{as: "usage-renamed", part: silent, key: "singapay.members.made_usage",
			set: member(func(m *adapter.Members) *[]string { return &m.MadeUsage }, "used")},
		{as: "usage-missing", part: silent, why: "silence has one witness less"},
		{as: "query-page", part: asked, why: "it is no answer about payments"},

		{as: "qr-event", key: "singapay.events.qr",
			set: func(c *adapter.Config) { c.Events.QR = []string{"qris.paid"} }},
		{as: "qr-word", key: "singapay.words.paid", raises: true,
			set: func(c *adapter.Config) { c.Words.Paid = []string{"COMPLETED"} }},
		{as: "qr-reference", key: "singapay.members.merchant_ref",
			set: member(func(m *adapter.Members) *[]string { return &m.MerchantRef },
				tr+"partner_reff")},
		{as: "qr-nested", part: made, key: "singapay.answers.object",
			set: func(c *adapter.Config) { c.Answers.Object = []string{"data.qris"} }},
		{as: "qr-data", part: made, key: "singapay.members.qr_data",
			set: member(func(m *adapter.Members) *[]string { return &m.QRData }, "qr_string")},
		{as: "qr-made-reference", part: made, key: "singapay.members.made_ref",
			set: member(func(m *adapter.Members) *[]string { return &m.MadeRef },
				"merchant_ref")},
		{as: "qr-amount", part: made, key: "singapay.members.made_amount",
			set: member(func(m *adapter.Members) *[]string { return &m.MadeAmount }, "nominal")},
		{as: "qr-status", part: asked, key: "singapay.members.made_status",
			set: member(func(m *adapter.Members) *[]string { return &m.MadeStatus }, "state")},
		{as: "qr-answer-word", part: asked, key: "singapay.words.paid", raises: true,
			set: func(c *adapter.Config) { c.Words.Paid = []string{"SUCCESS"} }},
		{as: "qr-other-amount", part: made, why: "the customer would pay another amount"},
	})
}

// singaPayNotifications are the rows of what a notification says.
func singaPayNotifications() []row {
	member := func(f func(*adapter.Members) *[]string, names ...string) func(*adapter.Config) {
		return func(c *adapter.Config) { *f(&c.Members) = names }
	}
	paid := func(words ...string) func(*adapter.Config) {
		return func(c *adapter.Config) { c.Words.Paid = words }
	}
	const tr = "data.transaction."
	return []row{
		{as: "word-upper", key: "singapay.words.paid", set: paid("PAID"), raises: true},
		{as: "word-success", key: "singapay.words.paid", set: paid("SUCCESS"), raises: true},
		{as: "word-blank", key: "singapay.words.paid", set: paid("paid "), raises: true},
		{as: "word-number", why: "a number is no word"},
		{as: "status-renamed", key: "singapay.members.status",
			set: member(func(m *adapter.Members) *[]string { return &m.Status }, tr+"state")},
		{as: "status-twice", taken: true},
		{as: "reference-renamed", key: "singapay.members.merchant_ref",
			set: member(func(m *adapter.Members) *[]string { return &m.MerchantRef },
				"data.payment.additional_info.payment_link.merchant_ref")},
		{as: "reference-missing", why: "nobody knows whose payment it is"},
		{as: "attempt-renamed", key: "singapay.members.transaction_ref",
			set: member(func(m *adapter.Members) *[]string { return &m.TransactionRef },
				tr+"transaction_id")},
		{as: "amount-renamed", key: "singapay.members.amount",
			set: member(func(m *adapter.Members) *[]string { return &m.Amount },
				tr+"amount.total")},
		{as: "amount-flat", key: "singapay.members.amount", set: func(c *adapter.Config) {
			c.Members.Amount, c.Members.Currency = []string{tr + "amount"}, []string{tr +
				"currency"}
		}},
		{as: "amount-number", taken: true},
		{as: "amount-grouped", taken: true},
		{as: "amount-sen", why: "it is another amount"},
		{as: "currency-moved", key: "singapay.members.currency",
			set: member(func(m *adapter.Members) *[]string { return &m.Currency }, tr+"currency")},
		{as: "currency-missing", why: "money without a currency is none"},
		{as: "currency-number", why: "a number is no currency"},
		{as: "type-payment", key: "singapay.words.type_pay", raises: true,
			set: func(c *adapter.Config) { c.Words.TypePay = []string{"payment"} }},
		{as: "event-other", key: "singapay.events.link",
			set: func(c *adapter.Config) { c.Events.Link = []string{"link.paid"} }},
		{as: "event-missing", why: "nothing says that it is a payment"},
		{as: "event-absent", taken: true},
		{as: "success-text", why: "a text is no true"},
		{as: "all-at-once", part: made, key: "singapay.members.payment_url", byLines: true},
		{as: "body-wrapped", why: "another body altogether is for its maker to explain"},
	}
}

// singaPayCarriage are the rows of how a notification is carried and signed.
func singaPayCarriage() []row {
	headers := func(h adapter.Headers) func(*adapter.Config) {
		return func(c *adapter.Config) { c.Headers = h }
	}
	return []row{
		{as: "header-signature", key: "singapay.headers.signature",
			set: headers(adapter.Headers{Signature: []string{"X-SingaPay-Signature"}})},
		{as: "header-time", key: "singapay.headers.timestamp",
			set: headers(adapter.Headers{Timestamp: []string{"X-Request-Time"}})},
		{as: "header-token", key: "singapay.headers.token",
			set: headers(adapter.Headers{Token: []string{"X-Forwarded-Authorization"}})},
		{as: "token-none", key: "singapay.headers.bare_token",
			set: headers(adapter.Headers{BareToken: true})},
		{as: "token-taken", why: "what was signed is not there any more"},
		{as: "token-bare", key: "singapay.headers.bare_token",
			set: headers(adapter.Headers{BareToken: true})},
		{as: "time-millis", key: "singapay.headers.other_times",
			set: headers(adapter.Headers{OtherTimes: true})},
		{as: "time-iso", key: "singapay.headers.other_times",
			set: headers(adapter.Headers{OtherTimes: true})},
		{as: "time-old", key: "singapay.replay_window",
			set: func(c *adapter.Config) { c.ReplayWindow = 15 * time.Minute }},
		{as: "time-ancient", why: "it may be somebody's repetition"},
		{as: "signature-base64", taken: true},
		{as: "signature-sha256", why: "another algorithm is for its maker to explain"},
		{as: "signature-none", why: "what is not signed proves nothing"},
		{as: "key-validation", key: "singapay.previous_secret", set: func(c *adapter.Config) {
			c.PreviousSecret = secret.New([]byte(sandbox.ValidationKey))
		}},
		{as: "path-slash", key: "singapay.webhook_path",
			set: func(c *adapter.Config) { c.WebhookPath += "/" }},
		{as: "path-other", key: "singapay.webhook_path",
			set: func(c *adapter.Config) { c.WebhookPath = sandbox.ProxyPath }},
		{as: "path-url", why: "no page has it, and it was measured otherwise"},
		{as: "method-put", why: "the method is signed; only POST is documented and measured"},
		{as: "body-form", why: "the hash is over the JSON alone, which nobody can tell apart"},
		{as: "hash-php", taken: true},
		{as: "hash-raw", taken: true},
		{as: "hash-escaped", taken: true},
	}
}

// TestSingaPayRows: each deviation has a row, and each row a deviation with a sentence.
func TestSingaPayRows(t *testing.T) {
	left := map[string]sandbox.Deviation{}
	for _, d := range sandbox.Deviations() {
		if left[d.Name].Name != "" || !strings.HasSuffix(d.Says, ".") {
			t.Errorf("%s is there twice, or says nothing", d.Name)
		}
		left[d.Name] = d
	}
	rows := singaPayRows()
	for _, row := range rows {
		if d, there := left[row.as]; !there || d.Keys != row.key {
			t.Errorf("nothing deviates as %s, with the key %s", row.as, row.key)
		}
		delete(left, row.as)
		if n := count(row.key != "", row.taken, row.why != ""); n != 1 {
			t.Errorf("%s has %d of key, taken and why", row.as, n)
		}
	}
	if len(left) > 0 || len(rows) < 60 {
		t.Errorf("%d rows; without one: %v", len(rows), left)
	}
}

func count(all ...bool) (n int) {
	for _, is := range all {
		if is {
			n++
		}
	}
	return n
}

// How a kiosk is set up for a row.
const (
	without   = iota // with nothing
	withKey          // with the key, and payment.approve_needs_query where words are raised
	toConfirm        // with the key alone: staff confirm what is raised
)

// kiosk is a rig at the simulated SingaPay.
type kiosk struct {
	*rig
	sim *sandbox.Server
}

// plays starts a SingaPay that deviates so and posts to hook, and returns its address.
func (k *kiosk) plays(t *testing.T, as, hook string) string {
	t.Helper()
	cred := sandbox.Credential{ClientID: "client-1", APIKey: "partner-1",
		Secret: secret.New([]byte(clientSecret)), Accounts: []string{accountID},
		TransactionURL: hook}
	var err error
	k.sim, err = sandbox.New(sandbox.Config{Credentials: []sandbox.Credential{cred}, As: as,
		Clock: k.clock}, nil)
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(k.sim.Handler())
	t.Cleanup(site.Close)
	k.deliver = k.sim.Deliver
	return site.URL
}

func singaPayKiosk(t *testing.T, row row, how int) *kiosk {
	k := &kiosk{rig: newRig(t)}
	hook := k.hook.URL + hookPath
	if row.part == asked {
		hook = ""
	}
	c := adapter.Config{BaseURL: k.plays(t, row.as, hook),
		ClientID: "client-1", APIKey: "partner-1",
		ClientSecret: secret.New([]byte(clientSecret)), AccountID: accountID,
		WebhookPath: hookPath, Now: k.clock.Now, Observe: k.observe}
	if strings.HasPrefix(row.as, "qr-") {
		c.Mode = adapter.ModeQR
	}
	var policy payment.Policy
	if how != without {
		row.set(&c)
		policy.ApproveNeedsQuery = row.raises && how == withKey
	}
	g, err := adapter.New(c)
	if err != nil {
		t.Fatal(err)
	}
	mode := c.Mode
	if mode == "" {
		mode = adapter.ModeLink
	}
	k.run(maker{g}, engine.Config{Currency: payment.IDR, Provider: "singapay", Mode: mode,
		Remote: true, Policy: policy})
	return k
}

// maker is the adapter as the engine asks it.
type maker struct{ *adapter.Gateway }

func (maker) Mint(payment.MintRequest) (payment.Minted, error) { panic("SingaPay makes its links") }

func (g maker) Make(ctx context.Context, r payment.MintRequest) payment.MintAnswer {
	return g.Gateway.Mint(ctx, r)
}

// pay is what a customer does.
func (k *kiosk) pay(p payment.Payment) {
	k.t.Helper()
	if _, err := k.sim.Act(p.MerchantRef, sandbox.Action{Do: sandbox.Pay}); err != nil {
		_, err = k.sim.Act(strings.ReplaceAll(p.MerchantRef, "-", ""),
			sandbox.Action{Do: sandbox.Pay})
		if err != nil {
			k.t.Fatal(err)
		}
	}
	k.settle()
}

func (k *kiosk) collected() (total int64) {
	for _, c := range k.sim.Collected() {
		total += c.Paid
	}
	return total
}

const whole = 3 * time.Minute // more than a sale has

// TestSingaPayDeviates: where SingaPay is otherwise than its pages, no sale is approved that nobody
// paid, none is lost that the query has right, and what staff can read names the key; with it the
// sale is approved by the very part that deviates.
func TestSingaPayDeviates(t *testing.T) {
	for _, row := range singaPayRows() {
		t.Run(row.as, func(t *testing.T) {
			k := singaPayKiosk(t, row, without)
			switch row.part {
			case notified:
				k.notifiedWithout(row)
			case made:
				k.madeWithout(row)
			case asked:
				k.askedWithout(row)
			case silent:
				k.silentWithout(row)
			}
			if row.key != "" && !k.names(row.key) {
				t.Errorf("nothing names %s:\n%s", row.key, strings.Join(k.said, "\n"))
			}
			if row.key == "" || row.byLines {
				return
			}
			singaPayKiosk(t, row, withKey).mended(row)
			switch {
			case row.part != notified:
			case row.raises:
				singaPayKiosk(t, row, toConfirm).confirmed(row)
			default:
				singaPayKiosk(t, row, withKey).otherAmount(row)
			}
		})
	}
}

func (k *kiosk) wantStatus(p payment.Payment, want payment.Status, when string) {
	k.t.Helper()
	if p.Status != want {
		k.t.Errorf("%s: %s, not %s (%+v)\n%s", when, p.Status, want, p.Reason,
			strings.Join(k.said, "\n"))
	}
	if p.Status == payment.StatusApproved && k.collected() != price.Amount {
		k.t.Errorf("approved, and %d was collected", k.collected())
	}
}

// notifiedWithout: the notification alone approves only where it may, and the query does.
func (k *kiosk) notifiedWithout(row row) {
	p := k.sell(price)
	k.blocked.Store(true)
	k.pay(p)
	p = k.pass(p.ID, 20*time.Second)
	if row.taken {
		k.wantStatus(p, payment.StatusApproved, "by its notification")
		return
	}
	if p.Status == payment.StatusApproved {
		k.t.Error("approved by its notification alone")
	}
	k.blocked.Store(false)
	k.wantStatus(k.passUntil(p.ID, time.Hour, func(p payment.Payment) bool {
		return p.Status == payment.StatusApproved
	}), payment.StatusApproved, "once the query answers")
}

// madeWithout: what is not as it was asked for is not shown.
func (k *kiosk) madeWithout(row row) {
	p := k.sell(price)
	if row.taken {
		k.pay(p)
		k.wantStatus(k.pass(p.ID, whole), payment.StatusApproved, "of what was made")
		return
	}
	if p.Status != payment.StatusCancelled || p.QRPayload != "" || p.Minted {
		k.t.Errorf("what was made is shown: %s", p.Status)
	}
	if k.collected() != 0 {
		k.t.Error("something was collected")
	}
}

// askedWithout: what cannot be read is no approval, and no silence either.
func (k *kiosk) askedWithout(row row) {
	p := k.sell(price)
	k.pay(p)
	k.wantStatus(k.pass(p.ID, whole), payment.StatusUnknown, "by its query alone")
}

// begin has the customer choose how to pay, and go.
func (k *kiosk) begin(p payment.Payment) {
	k.t.Helper()
	if _, err := k.sim.Act(p.MerchantRef, sandbox.Action{Do: sandbox.Pick}); err != nil {
		k.t.Fatal(err)
	}
}

// silentWithout: what proves no silence is none.
func (k *kiosk) silentWithout(row row) {
	p := k.sell(price)
	k.begin(p)
	k.wantStatus(k.pass(p.ID, whole), payment.StatusUnknown, "of a sale that nobody paid")
}

// mended: with the key the sale is approved, or ends where nobody paid.
func (k *kiosk) mended(row row) {
	p := k.sell(price)
	if row.part == silent {
		k.begin(p)
		k.wantStatus(k.pass(p.ID, whole), payment.StatusExpired, "with "+row.key)
		return
	}
	k.blocked.Store(row.part == notified && !row.raises)
	k.pay(p)
	k.wantStatus(k.pass(p.ID, 50*time.Second), payment.StatusApproved, "with "+row.key)
}

// otherAmount: a key makes no payment of another amount.
func (k *kiosk) otherAmount(row row) {
	p := k.sell(price)
	if _, err := k.sim.AddFault(sandbox.Fault{Kind: sandbox.FaultWrongAmount}); err != nil {
		k.t.Fatal(err)
	}
	k.blocked.Store(true)
	k.pay(p)
	if p = k.pass(p.ID, whole); p.Status != payment.StatusUnknown {
		k.t.Errorf("with %s another amount is %s", row.key, p.Status)
	}
}

// confirmed: what a key has raised counts for a payment once staff have confirmed it by one that
// the query has reported in known words, and not before.
func (k *kiosk) confirmed(row row) {
	p := k.sell(price)
	k.blocked.Store(true)
	k.pay(p)
	if p = k.pass(p.ID, 20*time.Second); p.Status == payment.StatusApproved {
		k.t.Error("approved by a word that nobody has confirmed")
	}
	k.blocked.Store(false)
	k.wantStatus(k.pass(p.ID, whole), payment.StatusApproved, "once the query answers")
	if _, err := k.Confirm(context.Background(), p.ID, "staff"); err != nil {
		k.t.Fatalf("cannot be confirmed: %v", err)
	}
	k.acknowledge(p.ID)
	k.blocked.Store(true)
	p = k.sell(price)
	before := k.collected()
	k.pay(p)
	if p = k.pass(p.ID, 20*time.Second); p.Status != payment.StatusApproved ||
		k.collected() != before+price.Amount {
		k.t.Errorf("confirmed, and %s: %+v", p.Status, p.Doubts)
	}
}
