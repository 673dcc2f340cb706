package singapay

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestToken(t *testing.T) {
	w := newWorld(t, nil)
	status, out := w.askToken()
	if status != 200 || out["success"] != true || at(out, "data.expires_in") != "216000" ||
		at(out, "data.token_type") != "Bearer" {
		t.Error(status, out)
	}
	utc := macHex([]byte(testSecret), testClient+"_"+testSecret+"_20260908")
	for name, tc := range map[string]struct {
		header []string
		want   string
	}{
		"the UTC date":  {[]string{"X-Signature", utc}, "Asia/Jakarta"},
		"nonsense":      {[]string{"X-Signature", "00"}, "Invalid signature"},
		"no signature":  {[]string{"X-Signature", ""}, "Invalid signature"},
		"other client":  {[]string{"X-CLIENT-ID", "other"}, "Unauthorized"},
		"other key":     {[]string{"X-PARTNER-ID", "other-key"}, "Unauthorized"},
		"no partner id": {[]string{"X-PARTNER-ID", ""}, "Unauthorized"},
	} {
		if status, out := w.askToken(tc.header...); status != 401 ||
			!strings.Contains(fmt.Sprint(at(out, "error.message")), tc.want) {
			t.Error(name, status, out)
		}
	}
	signature := tokenSignature(testClient, []byte(testSecret), w.clock.Now())
	for _, body := range []string{`{"grant_type":"password"}`, `{}`,
		`{"grantType":"client_credentials"}`} {
		status, out := w.send("POST", "/api/v1.1/access-token/b2b", body, "X-CLIENT-ID", testClient,
			"X-Signature", signature)
		if status != 422 || at(out, "error.errors.grant_type") == nil {
			t.Error(body, status, out)
		}
	}
	basic := "Basic ZXhhbXBsZS1jbGllbnQtaWQ6ZXhhbXBsZS1jbGllbnQtc2VjcmV0"
	status, out = w.send("POST", "/api/v1.0/access-token/b2b",
		`{"grant_type":"client_credentials"}`, "Authorization", basic)
	if status != 200 {
		t.Error("the legacy endpoint:", status, out)
	}
}

func TestTokenEnds(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.TokenLife, c.ExpiresInNumber = time.Hour, true })
	_, out := w.askToken()
	if at(out, "data.expires_in") != 3600.0 {
		t.Error(out)
	}
	w.login()
	w.create("R-1", "")
	w.clock.advance(time.Hour)
	if status, out := w.send("GET", "/api/v2.0/payment-link/2301", ""); status != 401 ||
		out["response_code"] != "SP013" {
		t.Error(status, out)
	}
	w.login()
	w.fault(Fault{Kind: FaultAPITokenExpired, Op: OpOne, Times: 1})
	for range 2 { // the token is gone, not only refused once
		if status, out := w.send("GET", "/api/v2.0/payment-link/2301", ""); status != 401 {
			t.Error(status, out)
		}
	}
	w.login()
	w.api("GET", "/api/v2.0/payment-link/2301", "")
}

// TestDate: an answer says what the clock says that ends links, or nothing.
func TestDate(t *testing.T) {
	for _, none := range []bool{false, true} {
		w := newWorld(t, func(c *Config) { c.NoDate = none })
		resp, err := http.Get(w.site.URL + "/sp/api/v2.0/payment-link/1")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		want := w.clock.Now().UTC().Format(http.TimeFormat)
		if none {
			want = ""
		}
		if got := resp.Header.Get("Date"); got != want {
			t.Errorf("the date is %q, want %q", got, want)
		}
	}
}

func TestAddress(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Addresses = []netip.Prefix{
			netip.MustParsePrefix("203.0.113.0/24")}
	})
	status, out := w.askToken()
	if status != 403 ||
		at(out, "error.message") != "Your IP address (127.0.0.1) is not registered" ||
		at(out, "error.code") != 403.0 {
		t.Error(status, out)
	}
	if status, out := w.send("GET", "/api/v1.0/payment-link-histories/"+testAccount,
		""); status != 403 || out["response_code"] != "SP017" {
		t.Error(status, out)
	}
}

func TestHeadersAndOwners(t *testing.T) {
	w := newWorld(t, nil)
	w.login()
	link := w.create("R-1", "")
	one := fmt.Sprintf("/api/v2.0/payment-link/%v", link["id"])
	for name, tc := range map[string]struct {
		method, path, body string
		header             []string
		status             int
		code               string
	}{
		"no accept": {"GET", one, "", []string{"Accept", ""}, 400, "SP012"},
		"no type": {"POST", newLink, "{}", []string{"Content-Type", "text/plain"}, 400,
			"SP012"},
		"no JSON":         {"POST", newLink, "{", nil, 400, "SP012"},
		"no token":        {"GET", one, "", []string{"Authorization", ""}, 401, "SP013"},
		"bad token":       {"GET", one, "", []string{"Authorization", "Bearer x"}, 401, "SP013"},
		"other partner":   {"GET", one, "", []string{"X-PARTNER-ID", "other-key"}, 401, "SP013"},
		"other's account": {"POST", "/api/v2.0/payment-link/OTHER", "{}", nil, 403, "SP403"},
		"no account":      {"POST", "/api/v2.0/payment-link/NOBODY", "{}", nil, 404, "SP020"},
		"no link":         {"GET", "/api/v2.0/payment-link/9", "", nil, 404, "SP014"},
		"v1, other's":     {"GET", "/api/v1.0/qris-dynamic/OTHER", "", nil, 403, "SP403"},
	} {
		if status, out := w.send(tc.method, tc.path, tc.body, tc.header...); status != tc.status ||
			out["response_code"] != tc.code {
			t.Error(name, status, out)
		}
	}
	if status, out := w.send("GET", "/api/v1.0/payment-link-manage/NOBODY", ""); status != 404 ||
		out["success"] != false || at(out, "error.code") != 404.0 {
		t.Error("v1:", status, out)
	}
}

func TestEnvelopes(t *testing.T) {
	bad := `{"reff_no":"a b","payment_link_type":"total","total_amount":9999}`
	w := newWorld(t, func(c *Config) { c.LinkEnvelope = V1 })
	w.login()
	if link := w.create("R-1", ""); link["reff_no"] != "R-1" {
		t.Error(link)
	}
	status, out := w.send("POST", newLink, bad)
	if status != 422 || out["success"] != false || at(out, "error.errors.reff_no.0") == nil ||
		at(out, "error.errors.total_amount") == nil {
		t.Error(status, out)
	}
	w = newWorld(t, func(c *Config) { c.ErrorsAs200, c.OtherEnvelope = true, V2 })
	w.login()
	status, out = w.send("POST", newLink, bad)
	if status != 200 || out["response_code"] != "SP018" || at(out, "data.errors.reff_no") == nil {
		t.Error(status, out)
	}
	if status, out := w.send("GET", "/api/v1.0/payment-link-manage/"+testAccount,
		""); status != 200 || out["response_code"] != "SP000" ||
		at(out, "pagination.total") != 0.0 {
		t.Error(status, out)
	}
}

func TestFaultsOfTheAPI(t *testing.T) {
	for _, tc := range []struct {
		kind    FaultKind
		status  int
		created bool
	}{
		{FaultAPI500, 500, false}, {FaultAPI500After, 500, true}, {FaultAPI429, 429, false},
		{FaultAPICode, 400, false}, {FaultAPINonsense, 200, false},
		{FaultAPINonsenseAfter, 200, true}, {FaultAPIAddress, 403, false},
		{FaultAPITokenExpired, 401, false}, {FaultAPIEcho, 200, true}, {FaultAPIStatus, 200, true},
	} {
		t.Run(string(tc.kind), func(t *testing.T) {
			w := newWorld(t, nil)
			w.login()
			w.fault(Fault{Kind: tc.kind, Op: OpCreate, MerchantRef: "R-1", Amount: 15_000_000,
				Times: 1})
			w.create("R-0", "")
			status, out := w.send("POST", newLink,
				`{"reff_no":"R-1","payment_link_type":"total","total_amount":150000}`)
			if status != tc.status || (len(w.Payments()) == 2) != tc.created {
				t.Error(status, out, len(w.Payments()))
			}
			switch tc.kind {
			case FaultAPICode:
				if out["response_code"] != "SP005" {
					t.Error(out)
				}
			case FaultAPIEcho:
				if at(out, "data.total_amount") != 151000.0 ||
					w.Payments()[1].Amount != 15_000_000 {
					t.Error(out)
				}
			case FaultAPIStatus:
				if at(out, "data.status") != "mystery" {
					t.Error(out)
				}
			}
			if f := w.Faults()[0]; f.Struck != 1 {
				t.Error(f)
			}
		})
	}
}

// stalled is what a create comes to that is answered only when time goes on.
func (w *world) stalled() (status int) {
	done := make(chan int)
	go func() {
		status, _ := w.send("POST", newLink,
			`{"reff_no":"R-1","payment_link_type":"total","total_amount":150000}`)
		done <- status
	}()
	for tick := time.NewTicker(time.Millisecond); status == 0; {
		// until the caller waits for the clock
		select {
		case status = <-done:
			tick.Stop()
		case <-tick.C:
			w.clock.advance(time.Second)
		}
	}
	return status
}

func TestTimeouts(t *testing.T) {
	w := newWorld(t, nil)
	w.login()
	w.fault(Fault{Kind: FaultAPITimeout, Op: OpCreate, Times: 1})
	if status := w.stalled(); status != 504 || len(w.Payments()) != 0 {
		t.Error("before creating:", status, w.Payments())
	}
	w.fault(Fault{Kind: FaultAPITimeoutAfter, Op: OpCreate, Times: 1})
	if status := w.stalled(); status != 504 || len(w.Payments()) != 1 {
		t.Error("after creating:", status, w.Payments())
	}
	got := w.api("GET", "/api/v1.0/payment-link-manage/"+testAccount, "")
	if at(got, "0.reff_no") != "R-1" {
		t.Error(got)
	}
	if status, out := w.send("POST", newLink,
		`{"reff_no":"R-1","payment_link_type":"total","total_amount":150000}`); status != 422 ||
		at(out, "data.errors.reff_no") == nil {
		t.Error("a second create:", status, out)
	}
}
