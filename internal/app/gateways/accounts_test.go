package gateways_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/payment"
)

// file is a configuration for AXS with previous accounts of both services. SECRETS is where its
// secrets are.
const file = `
[terminal]
id = "K001"
[axs]
payment_link = "https://Pay.AXS.example:443/hpp/checkout/LINK2"
client_id = "client-3"
secret = "file:SECRETS/axs.secret"
query_url = "https://ask.axs.example/api/hpp/v2/transaction"
[[axs.previous]] # before a rotation
client_id = "client-2"
secret = "file:SECRETS/axs-2.secret"
[[axs.previous]] # the merchant before
payment_link = "https://pay.axs.example/hpp/checkout/LINK1"
client_id = "client-1"
secret = "file:SECRETS/axs-1.secret"
[[singapay.previous]]
base_url = "https://sp.example"
client_id = "sp-client"
client_secret = "file:SECRETS/sp.secret"
api_key = "sp-key"
account_id = "01JGYPXJ6QK4RVYSSE8W4HQDPX"
[relay]
url = "wss://relay.example"
token = "file:SECRETS/relay.token"
hook_url = "https://relay.example/hook/route"
`

// chosen reads the file with texts in place of others, in pairs.
func chosen(t *testing.T, change ...string) (gateways.Chosen, string) {
	t.Helper()
	dir := t.TempDir()
	for i, name := range []string{"axs.secret", "axs-1.secret", "axs-2.secret", "sp.secret"} {
		secret := strings.Repeat(string(rune('a'+i)), 32)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.NewReplacer(append(change, "SECRETS", dir)...).Replace(file)
	c, err := config.Parse("f.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	g, err := c.Gateway()
	if err != nil {
		t.Fatal(err)
	}
	return g, dir
}

func open(t *testing.T, g gateways.Chosen) *gateways.Opened {
	t.Helper()
	o, err := g.Open("", gateways.Clock{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestAccounts: an account is provider, checkout host and merchant identity. What a rotation, a
// move of the query or of a secret changes is no part of it.
func TestAccounts(t *testing.T) {
	const here = "axs:pay.axs.example/LINK2"
	want := payment.Accounts{
		{Name: here, Provider: "axs"}, {Name: here, Provider: "axs"},
		{Name: "axs:pay.axs.example/LINK1", Provider: "axs"},
		{Name: "singapay:sp.example/01JGYPXJ6QK4RVYSSE8W4HQDPX", Provider: "singapay"},
	}
	g, _ := chosen(t)
	if d := cmp.Diff(want, g.Accounts()); d != "" {
		t.Errorf("the accounts (-want +got)\n%s", d)
	}
	for _, same := range [][]string{
		{`"client-3"`, `"client-4"`}, {"axs.secret", "axs-2.secret"},
		{"https://ask.axs.example", "https://elsewhere.example"}, {"query_url =", "#"},
		{"file:SECRETS/axs.secret", "credential:axs"}, {":443", ""},
	} {
		if g, _ := chosen(t, same...); g.Account() != here {
			t.Errorf("%s: another account, %s", same[1], g.Account())
		}
	}
	for _, other := range [][]string{{"LINK2", "LINK3"}, {":443", ":8443"},
		{"Pay.AXS", "pay2.AXS"}, {"LINK2", "link2"}} {
		if g, _ := chosen(t, other...); g.Account() == here {
			t.Errorf("%s: the same account", other[1])
		}
	}
}

// TestPreviousAccountsWork: each has an adapter and an endpoint of its own; a delivery opens with
// the secret of any of them.
func TestPreviousAccountsWork(t *testing.T) {
	g, dir := chosen(t)
	o := open(t, g)
	endpoints := map[string]bool{}
	for i, a := range o.Accounts() {
		adapter, ok := o.At(a)
		if !ok || adapter.Endpoint() != a.Endpoint || endpoints[a.Endpoint] {
			t.Errorf("account %d, %+v: %t", i, a, ok)
		}
		endpoints[a.Endpoint] = true
	}
	if a := o.Accounts()[2]; a.Endpoint != "" {
		t.Errorf("it has no query_url and the endpoint %q", a.Endpoint)
	}
	if _, ok := o.At(payment.Account{Name: "axs:pay.axs.example/LINK3"}); ok {
		t.Error("an account that nobody knows is found")
	}
	for _, entry := range []string{"axs", "axs-2", "axs-1"} {
		e := notification(t, filepath.Join(dir, entry+".secret"),
			map[string]string{"axs": "client-3", "axs-2": "client-2", "axs-1": "client-1"}[entry])
		records, at, err := o.OpenAs(e)
		want := "axs:pay.axs.example/LINK2"
		if entry == "axs-1" {
			want = "axs:pay.axs.example/LINK1"
		}
		if len(at) != 1 || at[0].Name != want {
			t.Errorf("%s: opened as %+v", entry, at)
		}
		if err != nil || len(records) != 1 || records[0].MerchantRef != "K001TEST-1" {
			t.Errorf("%s: %+v, %v", entry, records, err)
		}
	}
	shared, dir := chosen(t, "axs-1.secret", "axs-2.secret", `"client-1"`, `"client-2"`)
	if _, at, err := open(t, shared).OpenAs(notification(t, filepath.Join(dir, "axs-2.secret"),
		"client-2")); err != nil || len(at) != 2 || at[0].Name == at[1].Name {
		t.Errorf("two accounts of one application: opened as %+v, %v", at, err)
	}
	for name, e := range map[string]payment.Envelope{
		"a stranger's":              notification(t, filepath.Join(dir, "sp.secret"), "client-1"),
		"another client's":          notification(t, filepath.Join(dir, "axs.secret"), "client-1"),
		"nothing of either service": {Body: []byte("x")},
	} {
		if _, err := o.Open(e); !errors.Is(err, payment.ErrUnopened) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestJunkIsOfNoService: a delivery that could be of any service that this program knows is worth
// keeping, also where the configuration names another one: it may name that one again.
func TestJunkIsOfNoService(t *testing.T) {
	past := file[strings.Index(file, "[[axs.previous]]"):strings.Index(file, "[relay]")]
	signed := map[string][]string{"X-Signature": {strings.Repeat("0", 128)},
		"X-Timestamp": {"1792126800"}, "Authorization": {"Bearer x"}}
	for _, change := range [][]string{nil, {past, ""}} {
		g, dir := chosen(t, change...)
		o := open(t, g)
		for name, d := range map[string]struct {
			e    payment.Envelope
			junk bool
		}{
			"a token under a secret that nobody knows": {
				notification(t, filepath.Join(dir, "sp.secret"), "client-9"), false},
			"a signed request of SingaPay": {payment.Envelope{Method: "POST", Headers: signed,
				Body: []byte("{}")}, false},
			"an uptime monitor": {payment.Envelope{Method: "GET"}, true},
			"words":             {payment.Envelope{Method: "POST", Body: []byte("x")}, true},
			"five parts":        {payment.Envelope{Query: "data=a.b.c.d.e"}, true},
		} {
			_, err := o.Open(d.e)
			if !errors.Is(err, payment.ErrUnopened) || errors.Is(err, payment.ErrJunk) != d.junk {
				t.Errorf("%d accounts, %s: %v", len(o.Accounts()), name, err)
			}
		}
	}
}

// TestPreviousAccountsAreChecked: what is wrong with an entry is told with its key.
func TestPreviousAccountsAreChecked(t *testing.T) {
	for _, tc := range []struct{ old, new, want string }{
		{`client_id = "client-1"`, "", "axs.previous[1].client_id: is required"},
		{`secret = "file:SECRETS/axs-1.secret"`, "", "axs.previous[1].secret: is required"},
		{`"file:SECRETS/axs-1.secret"`, `"hunter2"`,
			"axs.previous[1].secret: the value itself must not stand here"},
		{`api_key = "sp-key"`, "", "singapay.previous[0].api_key: is required"},
		{`"https://sp.example"`, `"http://sp.example"`,
			"singapay.previous[0].base_url: must start with https://"},
		{"[[singapay.previous]]", "[[singapay.previous]]\nmethods = []",
			"singapay.previous[0].methods: no such key"},
	} {
		_, err := config.Parse("f.toml", []byte(strings.Replace(file, tc.old, tc.new, 1)))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.want, err)
		}
	}
	for _, tc := range []struct{ old, new, want string }{
		{"axs-1.secret", "gone.secret", "axs.previous[1].secret: "},
		{"/checkout/LINK1", "/LINK1", "axs.previous[1].payment_link has another path"},
		{"01JGYPXJ6QK4RVYSSE8W4HQDPX", "1", "singapay.previous[0].account_id is not a ULID"},
	} {
		g, _ := chosen(t, tc.old, tc.new)
		_, err := g.Open("", gateways.Clock{Now: time.Now})
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.want, err)
		}
	}
	g, dir := chosen(t)
	if err := os.WriteFile(filepath.Join(dir, "sp.secret"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := g.Open("", gateways.Clock{Now: time.Now})
	if err == nil || !strings.HasPrefix(err.Error(), "singapay.previous[0].client_secret has 5") ||
		!g.SecretFault(err) {
		t.Errorf("a secret that cannot be one: %v, a secret's fault %t", err, g.SecretFault(err))
	}
}

// notification is what AXS posts about a payment, sealed with a secret for a client.
func notification(t *testing.T, secretFile, clientID string) payment.Envelope {
	t.Helper()
	key, err := os.ReadFile(secretFile)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{
		Algorithm: jose.PBES2_HS512_A256KW, Key: key, KeyID: clientID, PBES2Count: 1000,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := enc.Encrypt([]byte(`{"amount":"10.23","currency":"SGD","transactionRef":"1",` +
		`"merchantRef":"K001TEST-1","status":"SUCCESS","responseCode":"00"}`))
	if err != nil {
		t.Fatal(err)
	}
	token, err := sealed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return payment.Envelope{Method: "POST", Query: "data=" + token}
}

// TestOnlyThePresentServiceTellsTheTime: codes end by the clock of the service that makes them, and
// what another one says of the time is nobody's business.
func TestOnlyThePresentServiceTellsTheTime(t *testing.T) {
	asked := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked++
	}))
	defer other.Close()
	g, _ := chosen(t, "https://sp.example", other.URL)
	heard := 0
	o, err := g.Open("", gateways.Clock{Now: time.Now,
		Heard: func(time.Time, time.Duration) { heard++ }})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range o.Accounts()[1:] {
		if at, ok := o.At(a); !ok {
			t.Errorf("no adapter of %s", a.Name)
		} else if k, ok := at.(gateways.Timekeeper); ok {
			_ = k.TellTime(t.Context()) // it gets no token there
		}
	}
	if asked == 0 || heard != 0 {
		t.Errorf("asked %d times, heard %d times", asked, heard)
	}
}
