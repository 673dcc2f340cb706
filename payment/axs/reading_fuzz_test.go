package axs

import (
	"strings"
	"testing"

	"kiosk-agent/internal/strictjson"
	"kiosk-agent/payment"
)

// FuzzReading: with every key of what AXS may do otherwise, an answer is silence only where a list
// that is there is empty; what is said of an answer and of a delivery can be logged, and a stranger
// brings nothing down.
func FuzzReading(f *testing.F) {
	var told []payment.Observed
	g := newGateway(f, func(c *Config) {
		c.Words = payment.Words{Paid: []string{"PAID"}, TypePay: []string{"SALE"}}
		c.Members = Members{Status: []string{"state"}, Amount: []string{"total"},
			Token: []string{"payload"}}
		c.QueryList, c.QueryTypeDefault, c.Reference = "data", "PAY", ReferenceLoose
		c.KeyIDs, c.MaxP2C = []string{"key-1"}, 2000
		c.Observe = func(all []payment.Observed) { told = append(told, all...) }
	})
	without := strings.Replace(queried, `"transactionType":"PAY",`, "", 1)
	renamed := strings.NewReplacer(`"status"`, `"state"`, "SUCCESS", "PAID").Replace(queried)
	for _, seed := range []string{"[]", "[" + without + "]", `{"data":[` + renamed + `]}`,
		`{"data":[],"total":0,"success":true}`, `{"data":[],"next":"x"}`,
		`{"data":` + queried + `}`,
		`{"data":{"x":[]}}`,
		`{"data":[],"message":"no"}`, `payload=` + sealed(f, renamed),
		`{"a":{"b":"` + vectorToken + `"}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a := g.decodeAnswer(body)
		wantLoggable(t, a.Failure)
		if a.Failure == "" && len(a.Records) == 0 && answerToken(stripped(body), "payload") == "" &&
			!emptyList(body) {
			t.Fatalf("taken for silence: %s", body)
		}
		told = nil
		l := lines{path: "query"}
		g.describeAnswer(&l, stripped(body))
		told = append(l.all, g.Describe(payment.Envelope{Method: "POST", Body: body,
			Query: string(body)})...)
		for _, o := range told {
			for _, s := range []string{o.What, o.Is, o.Paper, o.Key} {
				wantLoggable(t, s)
			}
		}
	})
}

// emptyList reports whether an answer is an empty list, or has one as data.
func emptyList(body []byte) bool {
	list, err := strictjson.Array(stripped(body), maxDepth, maxRecords)
	if err == nil {
		return len(list) == 0
	}
	m, err := strictjson.Object(stripped(body), maxDepth)
	if err != nil {
		return false
	}
	list, err = strictjson.Array(m["data"], maxDepth, maxRecords)
	return err == nil && len(list) == 0
}
