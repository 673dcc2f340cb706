package axs

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"kiosk-agent/payment"
)

// TestReadingIsChecked: what says how AXS really writes cannot contradict what its pages say.
func TestReadingIsChecked(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Config)
		key    string
	}{
		{"a word for paid", func(c *Config) { c.Words.Paid = []string{"PAID", "success"} }, ""},
		{"declined is paid", func(c *Config) { c.Words.Paid = []string{"Declined"} },
			"axs.words.paid"},
		{"sent is paid", func(c *Config) { c.Words.Paid = []string{"SENT"} }, "axs.words.paid"},
		{"expired is paid", func(c *Config) { c.Words.Paid = []string{"EXPIRED "} },
			"axs.words.paid"},
		{"success is declined", func(c *Config) { c.Words.Declined = []string{"SUCCESS"} },
			"axs.words.declined"},
		{"refund pays", func(c *Config) { c.Words.TypePay = []string{"refund"} },
			"axs.words.type_pay"},
		{"pay is a void", func(c *Config) { c.Words.TypeVoid = []string{"PAY"} },
			"axs.words.type_void"},
		{"05 is good", func(c *Config) { c.Words.CodeOK = []string{"05"} }, "axs.words.code_ok"},
		{"000 is good", func(c *Config) { c.Words.CodeOK = []string{"000", "0"} }, ""},
		{"one word, two meanings", func(c *Config) {
			c.Words.Paid, c.Words.Expired = []string{"DONE"}, []string{"DONE"}
		}, "axs.words.expired"},
		{"names", func(c *Config) { c.Members.Status = []string{"state", "paymentStatus"} }, ""},
		{"a name of AXS's", func(c *Config) { c.Members.Status = []string{"responseCode"} },
			"axs.members.status"},
		{"our own client id", func(c *Config) { c.Members.MerchantRef = []string{"clientId"} },
			"axs.members.merchant_ref"},
		{"one name, two values", func(c *Config) {
			c.Members.Status, c.Members.Type = []string{"x"}, []string{"x"}
		}, "axs.members.type"},
		{"no name", func(c *Config) { c.Members.Amount = []string{""} }, "axs.members.amount"},
		{"a token's name", func(c *Config) { c.Members.Token = []string{"payload"} }, ""},
		{"one that is known", func(c *Config) { c.Members.Token = []string{"jwe"} },
			"axs.members.token"},
		{"a list", func(c *Config) { c.QueryList = "data.items" }, ""},
		{"one record", func(c *Config) { c.QueryList = "." }, ""},
		{"no list", func(c *Config) { c.QueryList = "data..items" }, "axs.query_list"},
		{"PAY", func(c *Config) { c.QueryTypeDefault = "PAY" }, ""},
		{"REFUND", func(c *Config) { c.QueryTypeDefault = "REFUND" }, "axs.query_type_default"},
		{"a path", func(c *Config) {
			c.LinkPath, c.PaymentLink = "/pay/", "https://checkout.example/pay/lnk-1"
		}, ""},
		{"another path", func(c *Config) {
			c.LinkPath, c.PaymentLink = "/pay/", "https://checkout.example/paid/lnk-1"
		}, "axs.payment_link"},
		{"the documented path, too", func(c *Config) { c.LinkPath = "/pay/" }, ""},
		{"no path", func(c *Config) { c.LinkPath = "pay" }, "axs.link_path"},
		{"path above", func(c *Config) { c.LinkPath = "/a?b/" }, "axs.link_path"},
		{"another kid", func(c *Config) { c.KeyIDs = []string{"key-1"} }, ""},
		{"the Client ID", func(c *Config) { c.KeyIDs = []string{clientID} }, "axs.key_ids"},
		{"no kid", func(c *Config) { c.KeyIDs = []string{""} }, "axs.key_ids"},
		{"plain", func(c *Config) { c.Reference = ReferencePlain }, ""},
		{"a form of reference", func(c *Config) { c.Reference = "upper" }, "axs.reference"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := testConfig()
			tc.change(&cfg)
			switch _, err := New(cfg); {
			case tc.key == "" && err != nil:
				t.Error(err)
			case tc.key != "" && (err == nil || !strings.HasPrefix(err.Error(), tc.key+" ")):
				t.Errorf("%v, want %s", err, tc.key)
			}
		})
	}
}

// TestWordsAreRead: in notifications and answers; the record says what came.
func TestWordsAreRead(t *testing.T) {
	g := newGateway(t, func(c *Config) {
		c.Words = payment.Words{Paid: []string{"PAID"}, CodeOK: []string{"000"},
			TypePay: []string{"SALE"}}
	})
	change := strings.NewReplacer(`"SUCCESS"`, `"PAID"`, `"00"`, `"000"`, `"PAY"`, `"SALE"`)
	want := sampleRecord
	want.Said = payment.Said{Status: "PAID", ResponseCode: "000"}
	got, err := g.Open(byQuery(sealed(t, change.Replace(sample))))
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("%+v, %v", got, err)
	}
	want.Said.Type = "SALE"
	if a := g.decodeAnswer([]byte("[" + change.Replace(queried) + "]")); len(a.Records) != 1 ||
		a.Records[0] != want {
		t.Errorf("%+v", a)
	}
}

// TestMembersAreRead: a further name is read where it alone is there, in its very letters.
func TestMembersAreRead(t *testing.T) {
	further := func(c *Config) {
		c.Members = Members{Status: []string{"state", "paymentStatus"},
			MerchantRef: []string{"merchantReference"}, TransactionRef: []string{"txn"},
			Amount: []string{"paid"}, Currency: []string{"ccy"}, ResponseCode: []string{"rc"},
			Type: []string{"kind"}}
	}
	renamed := strings.NewReplacer(`"status"`, `"state"`, `"merchantRef"`, `"merchantReference"`,
		`"transactionRef"`, `"txn"`, `"amount"`, `"paid"`, `"currency"`, `"ccy"`,
		`"responseCode"`, `"rc"`, `"transactionType"`, `"kind"`)
	g := newGateway(t, further)
	for _, payload := range []string{sample, renamed.Replace(sample)} {
		got, err := g.Open(byQuery(sealed(t, payload)))
		if err != nil || len(got) != 1 || got[0] != sampleRecord {
			t.Errorf("%s: %+v, %v", payload, got, err)
		}
	}
	if a := g.decodeAnswer([]byte("[" + renamed.Replace(queried) + "]")); len(a.Records) != 1 ||
		a.Records[0] != sampleRecord {
		t.Errorf("%+v", a)
	}
	for key, payload := range map[string]string{
		"axs.members.status": strings.Replace(sample, "{", `{"state":"SUCCESS",`, 1),
		"axs.members.amount": strings.Replace(sample, "{", `{"paid":null,`, 1),
		"axs.members.currency": strings.Replace(renamed.Replace(sample), "{",
			`{"currency":"SGD",`, 1),
	} {
		_, err := g.Open(byQuery(sealed(t, payload)))
		wantReason(t, err, ReasonTwoNames)
		if !strings.Contains(err.Error(), key) {
			t.Errorf("%v names no %s", err, key)
		}
	}
	for payload, want := range map[string]Reason{
		strings.Replace(sample, `"status"`, `"State"`, 1):                  ReasonNoStatus,
		strings.Replace(sample, `"merchantRef"`, `"merchantreference"`, 1): ReasonNoRef,
	} {
		_, err := g.Open(byQuery(sealed(t, payload)))
		wantReason(t, err, want)
	}
	twice := `[` + strings.Replace(queried, "{", `{"kind":"PAY",`, 1) + `]`
	if a := g.decodeAnswer([]byte(twice)); !strings.Contains(a.Failure, "axs.members.type") {
		t.Errorf("%+v", a)
	}
}

// TestTokenUnderAnotherName: it is parked with the name to be configured, and read once it is.
func TestTokenUnderAnotherName(t *testing.T) {
	token := sealed(t, sample)
	e := payment.Envelope{Method: "POST", Body: []byte(`{"payload":"` + token + `"}`)}
	_, err := newGateway(t).Open(e)
	wantReason(t, err, ReasonElsewhere)
	if !strings.Contains(err.Error(), "as payload (axs.members.token)") {
		t.Error(err)
	}
	named := func(c *Config) { c.Members.Token = []string{"payload"} }
	if got, err := newGateway(t, named).Open(e); err != nil || got[0] != sampleRecord {
		t.Errorf("%+v, %v", got, err)
	}
	answer := []byte(`{"payload":"` + sealed(t, "["+queried+"]") + `"}`)
	if a := newGateway(t, named).decodeAnswer(answer); len(a.Records) != 1 {
		t.Errorf("%+v", a)
	}
}

// TestKeyIDs: a further kid is taken. Which one came is told where our secret has opened the
// answer.
func TestKeyIDs(t *testing.T) {
	token := craft(t, `{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","kid":"key-1","p2s":`+
		`"`+base64.RawURLEncoding.EncodeToString([]byte("0123456789abcdef"))+`","p2c":1000}`,
		[]byte("0123456789abcdef"), 1000, sample)
	_, err := newGateway(t).Open(byQuery(token))
	wantReason(t, err, ReasonKeyID)
	if !strings.Contains(err.Error(), "axs.key_ids") || strings.Contains(err.Error(), "key-1") {
		t.Error(err)
	}
	got, err := newGateway(t, func(c *Config) { c.KeyIDs = []string{"key-1"} }).Open(byQuery(token))
	if err != nil || got[0] != sampleRecord {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestQueryLists: a list within an object, and one record in place of a list. What may be one page
// of several, and what is empty beside a word of failure, is a failure and no silence.
func TestQueryLists(t *testing.T) {
	const full, none = "records", ""
	for _, tc := range []struct{ list, body, want string }{
		{"", `{"data":[%s]}`, "axs.query_list: it has one as data"},
		{"", `{"a":{"items":[%s]}}`, "axs.query_list: it has one as a.items"},
		{"", `%s`, `axs.query_list = "."`},
		{"data", `[%s]`, full}, // as the page says
		{"data", `{"data":[%s]}`, full},
		{"data", `{"data":[%s],"code":"00","message":"OK","timestamp":"now"}`, full},
		{"data", `{"data":%s}`, full},
		{"data.items", `{"data":{"items":[%s]},"ok":true}`, full},
		{"data", `{"data":[%s],"total":1,"page":1,"pages":1,"hasMore":false,"next":null}`, full},
		{"data", `{"data":[%s],"total":"1"}`, full},
		{"data", `{"data":[%s],"pageSize":20}`, full},
		{"data", `{"data":[%s],"pageSize":1}`, "pageSize"},
		{"data", `{"data":[%s],"total":2}`, "total"},
		{"data", `{"data":[%s],"page":2}`, "page"},
		{"data", `{"data":[%s],"totalPages":3}`, "totalPages"},
		{"data", `{"data":[%s],"hasMore":true}`, "hasMore"},
		{"data", `{"data":[%s],"nextCursor":"abc"}`, "nextCursor"},
		{"data", `{"data":[%s],"next":"/2"}`, "next"},
		{"data", `{"data":[%s],"offset":1}`, "offset"},
		{"data", `{"data":[%s],"truncated":true}`, "truncated"},
		{"data", `{"data":[%s],"meta":{"total":2}}`, "meta"},
		{"data", `{"data":[%s],"refunds":[]}`, "refunds"},
		{"data.items", `{"data":{"items":[%s],"total":2}}`, "total"},
		{"data", `{"items":[%s]}`, "axs.query_list"},
		{"data", `{"data":"no"}`, "axs.query_list"},
		{"data", `{"data":{"x":[%s]}}`, "not a list of records"},
		{"data", `{"data":[]}`, none},
		{"data", `{"data":[],"success":true,"code":"00","total":0,"requestId":"1"}`, none},
		{"data", `{"data":[],"success":false}`, "success"},
		{"data", `{"data":[],"code":"500"}`, "code"},
		{"data", `{"data":[],"message":"not allowed"}`, "message"},
		{"data", `{"data":[],"total":3}`, "total"},
		{"data", `{"data":{}}`, "empty"},
		{"data", `{"data":null}`, "axs.query_list"},
		{".", `%s`, full},
		{".", strings.Replace(queried, "SUCCESS", "DECLINED", 1), "no other"},
		{".", strings.Replace(queried, "SUCCESS", "SENT", 1), "no other"},
		{".", strings.Replace(queried, "SUCCESS", "PAID", 1), full},
		{".", strings.Replace(queried, "PAY", "REFUND", 1), full},
		{"data", `{"data":` + strings.Replace(queried, "SUCCESS", "EXPIRED", 1) + `}`, "no other"},
		{".", `{}`, "empty"},
		{".", `{"data":[%s]}`, "data"},
	} {
		g := newGateway(t, func(c *Config) { c.QueryList = tc.list })
		body := strings.ReplaceAll(tc.body, "%s", queried)
		a := g.decodeAnswer([]byte(body))
		switch {
		case tc.want == full && (a.Failure != "" || len(a.Records) != 1):
			t.Errorf("%s %s: %+v", tc.list, tc.body, a)
		case tc.want == none && (a.Failure != "" || len(a.Records) != 0):
			t.Errorf("%s %s: %+v", tc.list, tc.body, a)
		case tc.want != full && tc.want != none &&
			(!strings.Contains(a.Failure, tc.want) || len(a.Records) > 0):
			t.Errorf("%s %s: %+v", tc.list, tc.body, a)
		}
	}
}

// TestTypeThatIsNotStated counts as PAY only where that is configured and no type is there at all.
func TestTypeThatIsNotStated(t *testing.T) {
	g := newGateway(t, func(c *Config) { c.QueryTypeDefault = "PAY" })
	without := strings.Replace(queried, `"transactionType":"PAY",`, "", 1)
	if a := g.decodeAnswer([]byte("[" + without + "]")); len(a.Records) != 1 ||
		a.Records[0] != sampleRecord {
		t.Errorf("%+v", a)
	}
	for _, bad := range []string{`null`, `""`, `1`} {
		body := strings.Replace(queried, `"transactionType":"PAY"`, `"transactionType":`+bad, 1)
		if a := g.decodeAnswer([]byte("[" + body + "]")); a.Failure == "" {
			t.Errorf("%s: %+v", bad, a)
		}
	}
}

// TestReferenceForms: no two references of an agent have a form in common, each form is read as the
// one that it is of, and a text of nobody's stays as it is.
func TestReferenceForms(t *testing.T) {
	const tags, letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(from string, n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = from[r.IntN(len(from))]
		}
		return string(b)
	}
	exact, loose := newGateway(t), newGateway(t, func(c *Config) { c.Reference = ReferenceLoose })
	plainly := newGateway(t, func(c *Config) { c.Reference = ReferencePlain })
	owner := map[string]string{}
	for range 2000 {
		ref := pick(tags, 8) + "-" + pick("01234567", 1) + pick(letters, 25)
		for _, form := range []string{ref, strings.ToLower(ref), plain(ref),
			strings.ToLower(plain(ref)), " " + ref} {
			if of, seen := owner[form]; seen && of != ref {
				t.Fatalf("%s is a form of %s and of %s", form, of, ref)
			}
			owner[form] = ref
			if got := loose.read(form); got != ref {
				t.Fatalf("%s is read as %s", form, got)
			}
			if got := plainly.read(form); got != ref {
				t.Fatalf("%s is read as %s", form, got)
			}
			if got := exact.read(form); got != form {
				t.Fatalf("%s is read as %s", form, got)
			}
		}
		if exact.sent(ref) != ref || loose.sent(ref) != ref ||
			plainly.sent(ref) != strings.Replace(ref, "-", "", 1) {
			t.Fatalf("%s is sent as %s", ref, plainly.sent(ref))
		}
	}
	for _, other := range []string{"", "Ref123", "K001SIMU-", "K001SIMU-81ARZ3NDEKTSV4RRFFQ69G5FAV",
		"K001SIMU--1ARZ3NDEKTSV4RRFFQ69G5FAV", "K001SIM-01ARZ3NDEKTSV4RRFFQ69G5FAV",
		"K001SIMU-01ARZ3NDEKTSV4RRFFQ69G5FAVX", "K001SIMU_01ARZ3NDEKTSV4RRFFQ69G5FAV",
		"K001SIMU-01ARZ3NDEKTSV4RRFFQ69G5FAI", "SHOP-K001SIMU-01ARZ3NDEKTSV4RRFFQ69G5FAV",
		"XXK001SIMU01ARZ3NDEKTSV4RRFFQ69G5FAV"} {
		if loose.read(other) != other || plainly.sent(other) != other {
			t.Errorf("%q is read as %q and sent as %q", other, loose.read(other),
				plainly.sent(other))
		}
	}
}

// TestPlainAsksForBoth: a sale that AXS knows by the other form of its reference is found, and
// nothing is found only where neither is.
func TestPlainAsksForBoth(t *testing.T) {
	const ref = "K001SIMU-01ARZ3NDEKTSV4RRFFQ69G5FAV"
	record := func(ref string) string {
		return "[" + strings.Replace(queried, "Ref123", ref, 1) + "]"
	}
	for _, form := range []string{ReferencePlain, ReferenceLoose} {
		first, second := plain(ref), ref
		if form == ReferenceLoose {
			first, second = ref, plain(ref)
		}
		plainAsksForBoth(t, form, ref, first, second, record)
	}
}

// plainAsksForBoth plays AXS's answers to the first form that is asked for, and to the second.
func plainAsksForBoth(t *testing.T, form, ref, first, second string,
	record func(string) string) {
	for _, tc := range []struct {
		name           string
		status         [2]int
		body           [2]string
		asked, records int
		failure        string
	}{
		{"found", [2]int{200}, [2]string{record(first)}, 1, 1, ""},
		{"found under the other one", [2]int{200, 200}, [2]string{"[]", record(second)}, 2, 1, ""},
		{"neither", [2]int{200, 200}, [2]string{"[]", "[]"}, 2, 0, ""},
		{"404, then found", [2]int{404, 200}, [2]string{"", record(second)}, 2, 1, ""},
		{"the other one is refused", [2]int{200, 400}, [2]string{"[]", "no dash"}, 2, 0, ""},
		{"the other one fails", [2]int{200, 500}, [2]string{"[]", ""}, 2, 0, "HTTP 500"},
		{"the first one fails", [2]int{500}, [2]string{""}, 1, 0, "HTTP 500"},
	} {
		t.Run(form+" "+tc.name, func(t *testing.T) {
			asked := 0
			g := asking(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status[asked])
				fmt.Fprint(w, tc.body[asked])
				asked++
			}, func(c *Config) { c.Reference = form })
			a := g.Query(t.Context(), ref)
			if asked != tc.asked || len(a.Records) != tc.records || a.Failure != tc.failure {
				t.Errorf("asked %d times: %+v", asked, a)
			}
			for _, r := range a.Records {
				if r.MerchantRef != ref {
					t.Errorf("about %s", r.MerchantRef)
				}
			}
		})
	}
}
