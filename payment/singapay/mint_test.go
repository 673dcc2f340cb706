package singapay

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
)

const (
	createRoute = "POST " + linkPath + accountID
	updateRoute = "PUT " + updatePath + "189"
	codeRoute   = "POST " + qrPath + accountID + "/generate-qr"
)

// created is a fresh link: asked for at noon, with 180 s and 30 s of grace.
const created = `{"id":189,"reff_no":"` + ref + `","title":null,"description":"Kopi",` +
	`"source":"api v2","payment_url":"https://pay.example/b2b/` + ref +
	`","status":"open","status_computed":"open","is_expired":false,"max_usage":1,` +
	`"current_usage":0,"total_amount":50000,"customer_pays_fee":false,` +
	`"whitelisted_payment_method":null,` +
	`"success_redirect_url":null,"expired_at":"2026-10-16T12:03:30+07:00",` +
	`"payment_date":"2026-10-16T12:00:00+07:00","created_at":"2026-10-16T12:00:00+07:00",` +
	`"updated_at":"2026-10-16T12:00:00+07:00"}`

// emv is a QRIS code of SingaPay's documentation, made out for 50000.
const emv = "00020101021226620015ID.SINGAPAY.WWW0118936012070412260002021035224094080303UME51440014ID.CO.QRIS.WWW02153559174130477690303UME5204601153033605405500005802ID5903eos6005DEPOK6105746786221051017730486640703C0163044D76"

const createdCode = `{"id":42,"reff_no":"6601K62BH34X445J046C4W5249E6","merchant_reff_no":"` + ref +
	`","status":"open","status_computed":"open","is_expired":false,"qr_data":"` + emv +
	`","kind":"acquirer","type":"mpm-dynamic","amount":50000,"total_amount":50000,` +
	`"mdr_cost":119.84,"expired_at":"2026-10-16T12:03:30+07:00",` +
	`"created_at":"2026-10-16T12:00:00+07:00"}`

func mintRequest() payment.MintRequest {
	return payment.MintRequest{MerchantRef: ref,
		Money: payment.Money{Amount: 5_000_000, Currency: payment.IDR}, Timeout: 180 * time.Second}
}

func inModeQR(c *Config) { c.Mode = ModeQR }

func TestMintLink(t *testing.T) {
	for name, envelope := range map[string]func(string) string{"older": older, "newer": newer} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.on(createRoute, says(201, envelope(created)))
			got := s.gateway(t).Mint(t.Context(), mintRequest())
			wantSame(t, payment.MintAnswer{
				Minted: payment.Minted{Payload: "https://pay.example/b2b/" + ref,
					ProviderRef: "link:189"}, ValidFor: 210 * time.Second,
			}, got)
			sent := s.requests()
			if len(sent) != 1 || sent[0].line != createRoute {
				t.Fatalf("%+v", sent)
			}
			wantSame(t, `{"reff_no":"`+ref+`","payment_link_type":"total","total_amount":50000,`+
				`"max_usage":1,"expired_at":"2026-10-16T12:03:30+07:00"}`, sent[0].body)
			for name, want := range map[string]string{
				"Authorization": "Bearer " + jwtCanary, "X-Partner-Id": "partner-1",
				"Accept": "application/json", "Content-Type": "application/json", "X-Signature": "",
				"X-Client-Id": "",
			} {
				if got := sent[0].header.Get(name); got != want {
					t.Errorf("%s: %q", name, got)
				}
			}
		})
	}
}

func TestMintSendsWhatIsConfigured(t *testing.T) {
	s := newSite(t)
	echo := with(t, created, `"whitelisted_payment_method":null`,
		`"whitelisted_payment_method":["VA_BCA","RETAIL_ALFAMART_LINKQU","QRIS"]`)
	s.on(createRoute, says(200, older(echo)))
	g := s.gateway(t, func(c *Config) {
		c.Methods = []string{"QRIS", "VA_BCA", "ALFAMART", "VA_BRI"}
		c.Description, c.CustomerName, c.CustomerEmail = "Kopi & <Roti>", "Kiosk",
			"kiosk@shop.example"
		c.SuccessURL, c.ExpiredURL = "https://shop.example/ok", "https://shop.example/late"
	})
	r := mintRequest()
	r.Schemes = []string{"QRIS", "VA_BCA", "ALFAMART", "QRIS"}
	if a := g.Mint(t.Context(), r); a.Failure != "" {
		t.Fatal(a.Failure)
	}
	wantSame(t, `{"reff_no":"`+ref+`","payment_link_type":"total","total_amount":50000,`+
		`"max_usage":1,"expired_at":"2026-10-16T12:03:30+07:00","description":"Kopi & <Roti>",`+
		`"whitelisted_payment_method":["QRIS",`+
		`"VA_BCA","ALFAMART"],"success_redirect_url":"https://shop.example/ok",`+
		`"expired_redirect_url":"https://shop.example/late",`+
		`"customer_name":"Kiosk","customer_email":"kiosk@shop.example"}`, s.requests()[0].body)
}

func TestMintCode(t *testing.T) {
	s := newSite(t)
	s.on(codeRoute, says(200, older(createdCode)))
	got := s.gateway(t, inModeQR).Mint(t.Context(), mintRequest())
	wantSame(t, payment.MintAnswer{Minted: payment.Minted{Payload: emv, ProviderRef: "qris:42"},
		ValidFor: 210 * time.Second}, got)
	wantSame(t, `{"amount":50000,"merchant_reff_no":"`+ref+
		`","expired_at":"2026-10-16T12:03:30+07:00"}`, s.requests()[0].body)
}

// TestMintRefuses: nothing leaves, not even a question for a token.
func TestMintRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*payment.MintRequest)
		code   payment.Code
		words  string
	}{
		{"Singapore dollars", func(r *payment.MintRequest) { r.Money.Currency = payment.SGD },
			payment.CodeAmountInvalid, "SingaPay takes IDR only"},
		{"a part of a rupiah", func(r *payment.MintRequest) { r.Money.Amount++ },
			payment.CodeAmountInvalid, "the amount is not whole rupiah"},
		{"half a rupiah", func(r *payment.MintRequest) { r.Money.Amount += 50 },
			payment.CodeAmountInvalid, "the amount is not whole rupiah"},
		{"9999 rupiah", func(r *payment.MintRequest) { r.Money.Amount = MinAmount - 100 },
			payment.CodeAmountInvalid, "the amount is below SingaPay's minimum of IDR 10000"},
		{"nothing", func(r *payment.MintRequest) { r.Money.Amount = 0 }, payment.CodeAmountInvalid,
			"the amount is not positive"},
		{"a debt", func(r *payment.MintRequest) { r.Money.Amount = -5_000_000 },
			payment.CodeAmountInvalid, "the amount is not positive"},
		{"too much", func(r *payment.MintRequest) { r.Money.Amount = 100_000_100 },
			payment.CodeAmountInvalid, "the amount is above the limit of this terminal"},
		{"no reference", func(r *payment.MintRequest) { r.MerchantRef = "" }, payment.CodeInvalid,
			"the merchant reference is not 1 to 40 letters, digits, dots, dashes and underscores"},
		{"a long reference", func(r *payment.MintRequest) {
			r.MerchantRef = strings.Repeat("R", 41)
		}, payment.CodeInvalid,
			"the merchant reference is not 1 to 40 letters, digits, dots, dashes and underscores"},
		{"a slash", func(r *payment.MintRequest) { r.MerchantRef = "A/B" }, payment.CodeInvalid,
			"the merchant reference is not 1 to 40 letters, digits, dots, dashes and underscores"},
		{"no time", func(r *payment.MintRequest) { r.Timeout = 0 }, payment.CodeInvalid,
			"the timeout is not positive"},
		{"a scheme that is not offered",
			func(r *payment.MintRequest) { r.Schemes = []string{"QRIS", "VA_BRI"} },
			payment.CodeInvalid, `scheme "VA_BRI" is not offered on this terminal`},
		{"a scheme of another gateway",
			func(r *payment.MintRequest) { r.Schemes = []string{"paynow"} }, payment.CodeInvalid,
			`scheme "paynow" is not offered on this terminal`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			g := s.gateway(t, func(c *Config) {
				c.Methods, c.MaxAmount = []string{"QRIS", "VA_BCA"},
					100_000_000
			})
			r := mintRequest()
			tc.change(&r)
			if err := g.Check(r); payment.CodeOf(err) != tc.code {
				t.Errorf("Check: %v", err)
			}
			wantSame(t, payment.MintAnswer{Failure: tc.words, NeverSent: true},
				g.Mint(t.Context(), r))
			if len(s.requests())+s.tokens() != 0 {
				t.Error("something was sent")
			}
		})
	}
	g := newGateway(t, inModeQR)
	r := mintRequest()
	r.Money.Amount = 100
	if err := g.Check(r); err != nil { // QRIS has no least amount that is known
		t.Error(err)
	}
	r.Schemes = []string{"VA_BCA"}
	if g.Check(r) == nil {
		t.Error("mode qr takes a virtual account")
	}
	if r.Schemes = []string{"QRIS"}; g.Check(r) != nil {
		t.Error("mode qr does not take QRIS")
	}
}

// sentEnd is the end that is asked for.
const sentEnd = `2026-10-16T12:03:30+07:00`

// TestMintEcho: SingaPay drops what it does not know, so an echo that differs in what touches money
// is a failure, and the link is closed. The rest is odd: the link is shown, and the answer says so.
func TestMintEcho(t *testing.T) {
	const begin = "the link is not as it was asked for: "
	for _, tc := range []struct {
		name, old, new, want string // "" = accepted
		closes               bool
		odd                  string
	}{
		{"amount as text", `"total_amount":50000`, `"total_amount":"50000.00"`, "", false, ""},
		{"usage as text", `"max_usage":1`, `"max_usage":"1"`, "", false, ""},
		{"id as text", `"id":189`, `"id":"189"`, "", false, ""},
		{"id is a word", `"id":189`, `"id":"01JABC-x_9"`, "", false, ""},
		{"end in UTC", sentEnd, `2026-10-16T05:03:30.000000Z`, "", false, ""},
		{"end without an offset", sentEnd, `2026-10-16 12:03:30`, "", false, ""},
		{"end cut to minutes", sentEnd, `2026-10-16T12:03:00+07:00`, "", false, ""},
		{"no status", `"status":"open","status_computed":"open","is_expired":false,`, ``, "",
			false, ""},
		{"another reference", `"reff_no":"` + ref, `"reff_no":"OTHER`, "it has another reff_no",
			false, ""},
		{"no id", `"id":189,`, ``, "it has no id: see singapay.members.made_id", false, ""},
		{"an id with a path in it", `"id":189`, `"id":"../189"`,
			"it has no id: see singapay.members.made_id", false, ""},
		{"another amount", `"total_amount":50000`, `"total_amount":5000`,
			"it has another total_amount", true, ""},
		{"no amount", `"total_amount":50000,`, ``,
			"it has no total_amount: see singapay.members.made_amount", true, ""},
		{"another currency", `"id":189`, `"currency":"USD","id":189`, "it is not in rupiah", true,
			""},
		{"the customer pays the fee", `"customer_pays_fee":false`, `"customer_pays_fee":true`,
			"customer_pays_fee is true: customers would pay more than the sale, and every sale " +
				"would end unknown; let the merchant bear the fee, in the SingaPay dashboard",
			true, ""},
		{"unlimited", `"max_usage":1`, `"max_usage":0`, "max_usage is not 1", true, ""},
		{"usage not stated", `"max_usage":1,`, ``, "", false, "max_usage is missing"},
		{"an old link", `"current_usage":0`, `"current_usage":1`, "it has been used before", true,
			""},
		{"closed", `"status_computed":"open"`, `"status_computed":"closed"`, "it is not open",
			true, ""},
		{"expired", `"is_expired":false`, `"is_expired":true`, "it is not open", true, ""},
		{"another word", `"status_computed":"open"`, `"status_computed":"ready"`, "", false,
			`its status is "ready"`},
		{"no end", `"` + sentEnd + `"`, `null`, "", false, "expired_at is missing"},
		{"an end that nobody can read", sentEnd, `soon`, "", false, "expired_at cannot be read"},
		{"an end that is more than a minute late", sentEnd, `2026-10-16T12:04:31+07:00`, "", false,
			"expired_at is later than the one that was sent"},
		{"an end that is more than a minute early", sentEnd, `2026-10-16T12:02:00+07:00`, "", false,
			"expired_at is sooner than the one that was sent"},
		{"the default end", sentEnd, `2026-10-17T12:00:00+07:00`, "", false,
			"expired_at is later than the one that was sent"},
		{"the end in another zone", sentEnd, `2026-10-16T12:03:30Z`, "", false,
			"expired_at is in another time zone"},
		{"the end in UTC without saying so", sentEnd, `2026-10-16 05:03:30`, "", false,
			"expired_at is in another time zone"},
		{"an end that is past", sentEnd, `2026-10-15T12:30:00+07:00`, "expired_at is past", true,
			""},
		{"an address without TLS", `https://pay.example`, `http://pay.example`,
			"payment_url is not https (plain http is for a loopback host only)", true, ""},
		{"no address", `"payment_url":"https://pay.example/b2b/` + ref + `",`, ``,
			"it has no payment_url: see singapay.members.payment_url", true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			s.on(createRoute, says(200, newer(with(t, created, tc.old, tc.new))))
			s.on(updateRoute, says(200, newer(`{"id":189,"status":"closed"}`)))
			a := s.gateway(t).Mint(t.Context(), mintRequest())
			if tc.want == "" {
				if a.Failure != "" || a.Odd != tc.odd || a.Minted.Payload == "" {
					t.Errorf("%+v", a)
				}
				return
			}
			want := begin + tc.want
			if tc.closes {
				want += "; it was closed"
			}
			wantSame(t, payment.MintAnswer{Failure: want}, a)
			if closed := len(s.requests()) == 2; closed != tc.closes {
				t.Errorf("requests: %+v", s.requests())
			}
		})
	}
	t.Run("cannot be closed", func(t *testing.T) {
		s := newSite(t)
		s.on(createRoute, says(200, newer(with(t, created, `"max_usage":1`, `"max_usage":5`))))
		s.on(updateRoute, says(500, ""))
		wantSame(t, payment.MintAnswer{Failure: begin +
			"max_usage is not 1; it could not be closed: HTTP 500"},
			s.gateway(t).Mint(t.Context(), mintRequest()))
	})
	for echo, ok := range map[string]bool{
		`["VA_BCA","QRIS"]`: true, `["QRIS","VA_BCA"]`: true, `["QRIS"]`: false,
		`["QRIS","VA_BCA","VA_BRI"]`: false, `["QRIS","VA_BRI"]`: false, `[]`: false, `null`: false,
		`"QRIS"`: false,
	} {
		s := newSite(t)
		s.on(createRoute, says(200, newer(
			with(t, created, `"whitelisted_payment_method":null`,
				`"whitelisted_payment_method":`+echo))))
		s.on(updateRoute, says(200, newer(`{"id":189,"status":"closed"}`)))
		g := s.gateway(t, func(c *Config) { c.Methods = []string{"QRIS", "VA_BCA"} })
		a := g.Mint(t.Context(), mintRequest())
		if a.Failure != "" || (a.Odd == "") != ok {
			t.Errorf("%s: %+v", echo, a)
		}
	}
}

func TestMintCodeEcho(t *testing.T) {
	for _, tc := range []struct{ name, old, new, want string }{
		{"another reference", ref, "OTHER", "it has another merchant_reff_no"},
		{"no id", `"id":42`, `"id":0`, "it has no id: see singapay.members.made_id"},
		{"another amount", `"amount":50000`, `"amount":5000`, "it has another amount"},
		{"another total", `"total_amount":50000`, `"total_amount":50500`, "it has another amount"},
		{"not open", `"status":"open"`, `"status":"paid"`, "it is not open"},
		{"past", sentEnd, `2026-10-15T12:30:00+07:00`, "expired_at is past"},
		{"a web page", emv, "https://pay.example/q", "qr_data is not the text of a QRIS code"},
		{"nothing", emv, "", "it has no qr_data: see singapay.members.qr_data"},
		{"cut", emv, emv[:len(emv)-1], "qr_data is not the text of a QRIS code"},
		{"in dollars", "5303360", "5303702", "qr_data is not in rupiah"},
		{"made out for less", "540550000", "540540000", "qr_data is for another amount"},
		{"made out for another amount", "540550000", "540550001", "qr_data is for another amount"},
		{"made out with a fraction", "540550000", "540850000.10", "qr_data is for another amount"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			s.on(codeRoute, says(200, older(with(t, createdCode, tc.old, tc.new))))
			want := "the code is not as it was asked for: " + tc.want +
				"; it is not shown, and ends by itself"
			wantSame(t, payment.MintAnswer{Failure: want},
				s.gateway(t, inModeQR).Mint(t.Context(), mintRequest()))
		})
	}
	for _, s := range []string{strings.Replace(emv, "540550000", "540850000.00", 1),
		strings.Replace(emv, "540550000", "", 1)} {
		if problem := checkQRIS(s, 50000); problem != "" {
			t.Errorf("%s: %s", s, problem)
		}
	}
}

// TestMintFailures: what SingaPay may answer, and that all of it leaves open whether there is a
// link.
func TestMintFailures(t *testing.T) {
	for _, tc := range []struct {
		status     int
		body, want string
	}{
		{422, `{"status":422,"success":false,"error":{"code":422,"message":"Validation ` +
			`error","errors":{"total_amount":["The total amount must be at least ` +
			`10000."],"reff_no":["The reff no has already been taken."]}}}`,
			"HTTP 422: reff_no: The reff no has already been taken.; total_amount: The total " +
				"amount must be at least 10000."},
		{422, `{"response_code":"SP018",` +
			`"response_message":"Invalid","data":{"errors":{"expired_at":"must be a future ` +
			`date"}}}`,
			"HTTP 422, SP018: the request is not valid: expired_at: must be a future date"},
		{200, `{"response_code":"SP004","response_message":"Duplicate","data":null}`,
			"HTTP 200, SP004: this reference exists already"},
		{200, `{"response_code":"SP005","data":null}`,
			"HTTP 200, SP005: timeout at SingaPay, it may still have been done"},
		{200, `{"response_code":"SP999","data":{}}`,
			"HTTP 200, SP999: a code that is not documented: see singapay.words.code_ok"},
		{200, `{"status":200,"success":false}`, "HTTP 200, success is not true"},
		{200, `{"status":500,"success":true,"data":` + created + `}`,
			"HTTP 200, success is not true"},
		{500, `{"response_code":"SP000","data":` + created + `}`, "HTTP 500"},
		// the code decides
		{200, `{"response_code":"SP002","status":200,"success":true,"data":` + created + `}`,
			"HTTP 200, SP002: general failure, try later"},
		{403, `{"status":403,"success":false,"error":{"code":403,"message":"Your IP address ` +
			`(203.0.113.9) is not registered"}}`,
			"HTTP 403: this machine's public IP address is not registered in the SingaPay " +
				"dashboard"},
		{403, `{"response_code":"SP403"}`, "HTTP 403, SP403: this credential does not own the " +
			"account: use the one that singapay.account_id is assigned to"},
		{404, `{"response_code":"SP020"}`,
			"HTTP 404, SP020: no such account: look at singapay.account_id"},
		{429, "", "HTTP 429"},
		{500, "<html>", "HTTP 500"},
		{503, `{}`, "HTTP 503"},
		{200, "", "HTTP 200, the answer is not one plain JSON object"},
		{200, "[]", "HTTP 200, the answer is not one plain JSON object"},
		{200, older(created) + "x", "HTTP 200, the answer is not one plain JSON object"},
		{302, "", "HTTP 302, a redirect, which is not followed: a network's login page, or a " +
			"wrong singapay.base_url"},
		{200, older("null"),
			"the link is not as it was asked for: the answer has no link where it is looked " +
				"for: see singapay.answers.object"},
		{200, older("[" + created + "]"),
			"the link is not as it was asked for: the answer has no link where it is looked " +
				"for: see singapay.answers.object"},
	} {
		t.Run(tc.want, func(t *testing.T) {
			s := newSite(t)
			s.on(createRoute, says(tc.status, tc.body))
			wantSame(t, payment.MintAnswer{Failure: tc.want},
				s.gateway(t).Mint(t.Context(), mintRequest()))
			if n := len(s.requests()); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
	for name, body := range map[string]string{
		"without an envelope": `{"data":` + created + `}`,
		"both envelopes, the code first": `{"response_code":"SP000","success":false,"data":` +
			created + `}`,
		"a byte order mark": "\ufeff\r\n" + older(created) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.on(createRoute, says(200, body))
			if a := s.gateway(t).Mint(t.Context(), mintRequest()); a.Failure != "" {
				t.Error(a.Failure)
			}
		})
	}
	t.Run("stopped before", func(t *testing.T) {
		s := newSite(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		wantSame(t, payment.MintAnswer{Failure: "no access token: stopped before the answer came",
			NeverSent: true}, s.gateway(t).Mint(ctx, mintRequest()))
	})
}

func TestCodesAreComplete(t *testing.T) {
	for _, code := range strings.Fields("SP001 SP002 SP003 SP004 SP005 SP006 SP007 SP008 SP009 " +
		"SP010 SP011 SP012 SP013 SP014 SP015 SP016 SP017 SP018 SP019 SP020 SP403") {
		if codeWords[code] == "" {
			t.Errorf("%s has no words", code)
		}
	}
	if len(codeWords) != 21 {
		t.Errorf("%d codes", len(codeWords))
	}
	if _, err := json.Marshal(codeWords); err != nil {
		t.Error(err)
	}
}

func TestClose(t *testing.T) {
	for _, tc := range []struct {
		name, ref string
		status    int
		body      string
		want      string // "" = closed
	}{
		{"closed", "link:189", 200, newer(
			`{"id":189,"status":"closed","status_computed":"closed"}`), ""},
		{"closed, by the older envelope", "link:189", 200, older(`{"id":"189","status":"closed"}`),
			""},
		{"over already", "link:189", 200, newer(`{"id":189,"status":"open","is_expired":true}`),
			""},
		{"still open", "link:189", 200, newer(`{"id":189,"status":"open"}`),
			"the link is not closed"},
		{"another link", "link:189", 200, newer(`{"id":190,"status":"closed"}`),
			"the answer is about another link"},
		{"refused", "link:189", 403, newer(`null`), "HTTP 403"},
		{"a code", "qris:42", 0, "", "a QRIS code cannot be closed, it ends at its time"},
		{"an attempt", "18917720251110094037705", 0, "", "this names no payment link"},
		{"a name that is too long", "link:" + strings.Repeat("1", 65), 0, "",
			"this names no payment link"},
		{"a path", "link:1/../2", 0, "", "this names no payment link"},
		{"nothing", "", 0, "", "this names no payment link"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			s.on(updateRoute, says(tc.status, tc.body))
			err := s.gateway(t).Close(t.Context(), tc.ref)
			if err == nil && tc.want != "" || err != nil && err.Error() != tc.want {
				t.Errorf("%v, want %q", err, tc.want)
			}
			if sent := s.requests(); len(sent) > 1 || len(sent) == 1 &&
				sent[0].body != `{"status":"closed"}` || tc.status != 0 && len(sent) == 0 {
				t.Errorf("%+v", sent)
			}
		})
	}
}
