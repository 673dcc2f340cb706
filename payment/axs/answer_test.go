package axs

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

var update = flag.Bool("update", false, "write the golden answers")

func otherSecret() secret.Value { return secret.New([]byte(oldCanary)) }

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

// answers are the samples of testdata/answers.
func answers(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/answers/*.*")
	var samples []string
	for _, f := range files {
		if filepath.Ext(f) != ".golden" {
			samples = append(samples, f)
		}
	}
	if err != nil || len(samples) < 6 {
		t.Fatal(samples, err)
	}
	return samples
}

func readSample(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnswersGolden(t *testing.T) {
	g := newGateway(t)
	for _, path := range answers(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			got, err := json.MarshalIndent(g.decodeAnswer(readSample(t, path)), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			golden := path + ".golden"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if d := cmp.Diff(string(readSample(t, golden)), string(got)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAnswerForms(t *testing.T) {
	list := "[" + queried + "]"
	token := sealed(t, list)
	old, err := seal([]byte(list), otherSecret(), clientID)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := seal([]byte(list), secret.New([]byte(strings.Repeat("x", 32))), clientID)
	if err != nil {
		t.Fatal(err)
	}
	header := func(alg string, p2c int) string {
		return craft(t,
			fmt.Sprintf(`{"alg":%q,"enc":"A256GCM","p2s":"MDEyMzQ1Njc4OWFiY2RlZg","p2c":%d}`, alg,
				p2c), []byte("0123456789abcdef"), p2c, list)
	}
	g := newGateway(t, func(c *Config) { c.PreviousSecret = otherSecret() })
	const notList = "HTTP 200, the answer is not a list of records: "
	const refused = "HTTP 200, the encrypted answer is refused: "
	const other = "HTTP 200, the encrypted answer is not a list of records"
	for _, tc := range []struct{ name, body, failure string }{
		{"plain", list, ""},
		{"plain with space and a byte order mark", "\ufeff \r\n" + list + "\n", ""},
		{"object", `{"data":"` + token + `"}`, ""},
		{"object with more in it", `{"code":"00","data":" ` + token + `\n","list":[]}`, ""},
		{"compact", token, ""},
		{"compact with a line break", token + "\r\n", ""},
		{"compact as a JSON string", `"` + token + `"`, ""},
		{"previous secret", old, ""},
		{"object with the previous secret", `{"data":"` + old + `"}`, ""},
		{"without kid", craft(t, `{"alg":"PBES2-HS512+A256KW",`+
			`"enc":"A256GCM","p2s":"MDEyMzQ1Njc4OWFiY2RlZg","p2c":1000}`,
			[]byte("0123456789abcdef"), 1000, list), ""},

		{"another secret", foreign, refused + "does not open with the configured secrets"},
		{"p2c", header("PBES2-HS512+A256KW", 1001),
			refused + "iteration count not allowed: p2c 1001 over axs.max_p2c 1000"},
		{"alg", header("PBES2-HS256+A128KW", 1000), refused + "algorithm not allowed"},
		{"damaged", token[:len(token)-4] + "AAAA",
			refused + "does not open with the configured secrets"},
		{"cut", token[:len(token)-5], refused + "token malformed"},
		{"our own question", sealed(t, `{"merchantRef":"Ref123"}`), other},
		{"a notification", sealed(t, sample),
			other + ` (axs.query_list = "." for one record alone)`},
		{"a link of ours", tokenOf(t, mint(t, g, request())), other},
		{"token in a token", sealed(t, token), other},
		{"object in a token", sealed(t, `{"data":`+list+`}`),
			other + " (axs.query_list: it has one as data)"},
		{"rubbish in a token", sealed(t, "no"), other},

		{"empty", "", "HTTP 200, the answer is empty"},
		{"space", " \n", "HTTP 200, the answer is empty"},
		{"one record alone", strings.Replace(queried, sampleRecord.TransactionRef, "1", 1),
			`HTTP 200, the answer is not a list of records (axs.query_list = "." for one record ` +
				`alone): {"transactionType":"PAY","terminalId":"K001","amount":"10.23","curre…`},
		{"list as data", `{"data":[]}`, "HTTP 200, the answer is not a list of records " +
			`(axs.query_list: it has one as data): {"data":[]}`},
		{"four parts", `{"data":"a.b.c.d"}`, notList + `{"data":"a.b.c.d"}`},
		{"data twice", `{"data":"a.b.c.d.e","data":"` + token + `"}`,
			notList + `{"data":"a.b.c.d.e","data":"[…]"}`},
		{"Data", `{"Data":"` + token + `"}`, notList + `{"Data":"[…]"}`},
		{"null", "null", notList + "null"},
		{"two lists", "[][]", notList + "[][]"},
		{"more behind", "[]x", notList + "[]x"},
		{"open list", "[", notList + "["},
		{"comma", "[,]", notList + "[,]"},
		{"comma behind", "[1,]", notList + "[1,]"},
		{"not UTF-8", "[\"\xff\"]", notList + "[\"�\"]"},
		{"too deep", strings.Repeat("[", 20) + strings.Repeat("]", 20),
			notList + strings.Repeat("[", 20) + strings.Repeat("]", 20)},
		{"too many", "[" + strings.Repeat("1,", maxRecords) + "1]",
			"HTTP 200, more than 256 records for one reference"},
		{"a customer", `{"error":"a@b.sg, 9123 4567, 91234567, +65 (9123) 4567, not 123 4567"}`,
			notList + `{"error":"[…], […], […], +[…], not 123 4567"}`},
		{"a card", "4111 1111 1111 1111 is 4111-1111-1111-1111 is 4111111111111111",
			notList + "[…] is […] is […]"},
		{"the secret", "no: " + canary + " and " + oldCanary + ".", notList + "no: […] and […]."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := payment.QueryAnswer{HTTPStatus: 200, Failure: tc.failure}
			if tc.failure == "" {
				want.Records = []payment.Record{sampleRecord}
			}
			wantAnswer(t, want, g.decodeAnswer([]byte(tc.body)))
		})
	}
	t.Run("many records in a token", func(t *testing.T) {
		got := g.decodeAnswer([]byte(sealed(t,
			"["+strings.Repeat(queried+",", maxRecords-1)+queried+"]")))
		if len(got.Records) != maxRecords || got.Failure != "" {
			t.Errorf("%d records, %q", len(got.Records), got.Failure)
		}
	})
}

// TestAnswerElements: one element that cannot be read takes the whole answer with it.
// clipped is what a failure says at most.
func clipped(s string) string {
	if r := []rune(s); len(r) > 150 {
		return string(r[:149]) + "…"
	}
	return s
}

func TestAnswerElements(t *testing.T) {
	with := func(old, new string) string { return strings.Replace(queried, old, new, 1) }
	const noType = "has no transactionType (axs.members.type, axs.query_type_default)"
	names := func(without string) string {
		var all []string
		for _, name := range []string{"amount", "currency", "merchantRef", "paymentDateTime",
			"paymentScheme", "responseCode", "status", "terminalId", "transactionRef",
			"transactionType"} {
			if name != without {
				all = append(all, name)
			}
		}
		return strings.Join(all, ", ")
	}
	g := newGateway(t)
	for _, tc := range []struct{ name, element, problem string }{
		{"null", "null", "is not a JSON object with each member once"},
		{"number", "1", "is not a JSON object with each member once"},
		{"list", "[]", "is not a JSON object with each member once"},
		{"status twice", with("{", `{"status":"DECLINED",`),
			"is not a JSON object with each member once"},
		{"empty", "{}", noType},
		{"no type", with(`"transactionType":"PAY",`, ""), noType},
		{"type null", with(`"PAY"`, "null"), noType},
		{"type empty", with(`"PAY"`, `""`), noType},
		{"type number", with(`"PAY"`, `1`), noType},
		{"no status", with(`"status":"SUCCESS",`, ""),
			"has no status (axs.members.status): it has " + names("status")},
		{"status number", with(`"SUCCESS"`, "1"),
			"has no status (axs.members.status): it has " + names("")},
		{"no merchantRef", with(`"merchantRef":"Ref123",`, ""),
			"has no merchantRef (axs.members.merchant_ref): it has " + names("merchantRef")},
		{"currency list", with(`"SGD"`, "[]"), "has a malformed currency"},
		{"responseCode boolean", with(`"00"`, "true"), "has a malformed responseCode"},
		{"long", with("{", `{"x":"`+strings.Repeat("x", maxRecord)+`",`), "is too long"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body := "[" + queried + "," + tc.element + "]"
			want := payment.QueryAnswer{HTTPStatus: 200,
				Failure: "HTTP 200, " + clipped("record 2 of 2 "+tc.problem)}
			wantAnswer(t, want, g.decodeAnswer([]byte(body)))
			wantAnswer(t, want, g.decodeAnswer([]byte(sealed(t, body))))
		})
	}
}

// TestNodeAnswers: the answer as another library encrypts it.
func TestNodeAnswers(t *testing.T) {
	for _, tc := range []struct {
		name    string
		request map[string]any
		failure string
	}{
		{"kid", map[string]any{"kid": clientID}, ""},
		{"no kid", map[string]any{}, ""},
		{"previous secret", map[string]any{"secret": oldCanary}, ""},
		{"kid of another", map[string]any{"kid": "another"},
			"kid of another client: kid another (axs.key_ids)"},
		{"jose's own count", map[string]any{"p2c": 2048},
			"iteration count not allowed: p2c 2048 over axs.max_p2c 1000"},
		{"A128GCM", map[string]any{"enc": "A128GCM"}, "content encryption not allowed"},
		{"PBES2-HS256", map[string]any{"alg": "PBES2-HS256+A128KW"}, "algorithm not allowed"},
	} {
		for form, write := range map[string]string{"compact": "%s", "data": `{"data":"%s"}`} {
			t.Run(tc.name+" "+form, func(t *testing.T) {
				ask1 := map[string]any{"op": "mint", "secret": canary,
					"payload": "[" + queried + "]"}
				for k, v := range tc.request {
					ask1[k] = v
				}
				g := asking(t, replies(http.StatusOK, fmt.Sprintf(write, ask(t, ask1).Token)),
					func(c *Config) { c.PreviousSecret = otherSecret() })
				want := payment.QueryAnswer{HTTPStatus: 200,
					Records: []payment.Record{sampleRecord}}
				if tc.failure != "" {
					want = payment.QueryAnswer{HTTPStatus: 200,
						Failure: "HTTP 200, the encrypted answer is refused: " + tc.failure}
				}
				wantAnswer(t, want, g.Query(t.Context(), "Ref123"))
			})
		}
	}
}

// TestQueryCanary: a server that repeats our request and our secrets in every place it has; nothing
// of either is told.
func TestQueryCanary(t *testing.T) {
	var token string
	places := map[string]http.HandlerFunc{}
	for _, body := range []string{
		"%s", "<p>%s</p>", "[%s]", `{"error":%q}`, `{"data":"%s"}`,
		`[{"status":"SUCCESS","merchantRef":"R","transactionType":"PAY","currency":["%s"]}]`,
		`[{"status":%q,"merchantRef":%[1]q}]`, "x%%20%s", "a=b&data=%s&c=d", "%s\x00\x1b[2J\u202e",
	} {
		places[body] = func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, body, r.RequestURI+" "+canary+" "+oldCanary+" "+
				strings.ReplaceAll(r.URL.RawQuery, ".", "%2E")+" "+
				strings.ReplaceAll(r.URL.RawQuery, ".", "\n"))
		}
	}
	places["redirect"] = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+canary+".example/?"+r.URL.RawQuery, http.StatusFound)
	}
	places["redirect to nonsense"] = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://["+canary+r.URL.RawQuery)
		w.WriteHeader(http.StatusFound)
	}
	places["status line"] = raw("HTTP/1.1 2%s OK\r\n\r\n")
	places["header"] = raw("HTTP/1.1 200 OK\r\n%s\r\n\r\n")
	places["length"] = raw("HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n")
	places["chunk"] = raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n")
	places["encoding"] = raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n")
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			g := asking(t, func(w http.ResponseWriter, r *http.Request) {
				token = r.URL.Query().Get("data")
				place(w, r)
			}, func(c *Config) { c.PreviousSecret = otherSecret() })
			got := g.Query(t.Context(), "Ref123")
			if got.Failure == "" || len(got.Records) > 0 || token == "" {
				t.Fatalf("%+v", got)
			}
			printed := fmt.Sprintf("%+v %#v", got, got)
			for _, s := range []string{canary, oldCanary, "data=", "Ref123"} {
				if strings.Contains(printed, s) {
					t.Errorf("%q is told: %s", s, printed)
				}
			}
			for i := 0; i+12 <= len(token); i++ {
				if strings.Contains(printed, token[i:i+12]) {
					t.Fatalf("a part of the token is told: %s", printed)
				}
			}
			wantLoggable(t, got.Failure)
		})
	}
}

// raw answers with bytes of its own, the request's line in them.
func raw(format string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = fmt.Fprintf(conn, format, r.RequestURI+canary)
	}
}

func wantLoggable(t *testing.T, s string) {
	t.Helper()
	if utf8.RuneCountInString(s) > 160 ||
		strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
		t.Errorf("not fit to be stored and shown: %q", s)
	}
}

// FuzzAnswer: an answer is records that the journal can hold, or a failure that can be shown;
// encrypted it is read alike. The token that the answer is read from then stands for any body,
// because a fresh seal would make each run another one.
func FuzzAnswer(f *testing.F) {
	g := newGateway(f)
	envelope, inside := sealed(f, "x"), []byte(nil)
	g.unseal = func(token string, key secret.Value) ([]byte, error) {
		if token == envelope {
			return inside, nil
		}
		return unseal(token, key)
	}
	for _, path := range answers(f) {
		f.Add(readSample(f, path))
	}
	for _, seed := range []string{sealed(f, "["+queried+"]"), `{"data":"` + sealed(f, "[]") + `"}`,
		`{"data":"` + vectorToken + `"}`, "[" + queried + "," + queried + "]", canary} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := g.decodeAnswer(body)
		if got.HTTPStatus != 200 || got.NotFound || (got.Failure == "") != (got.Records != nil) {
			t.Fatalf("%+v", got)
		}
		wantLoggable(t, got.Failure)
		if strings.Contains(got.Failure, canary) {
			t.Fatal(got.Failure)
		}
		for _, r := range got.Records {
			if r.MerchantRef == "" || r.Status == "" || r.Type == "" ||
				r.Amount < payment.UnreadableAmount {
				t.Fatalf("a record that says nothing: %+v", r)
			}
			fact, err := payment.EncodeData(payment.Notified{Record: r, Source: "query"})
			if err != nil {
				t.Fatal(err)
			}
			if back, err := payment.DecodeData(payment.KindNotified, fact); err != nil ||
				payment.Content(back) != r.Content() {
				t.Fatalf("the journal reads back %v, %v", back, err)
			}
		}
		if answerToken(stripped(body)) != "" || len(bytes.TrimSpace(body)) == 0 {
			return
		}
		inside = body
		if d := cmp.Diff(got.Records, g.decodeAnswer([]byte(envelope)).Records); d != "" {
			t.Fatalf("encrypted it says something else: %s", d)
		}
	})
}
