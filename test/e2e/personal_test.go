package e2e_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/demo"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox/singapay"
	"kiosk-agent/test/programs"
)

// siti pays. Gateways tell all of this to merchants, and no merchant has asked for it.
var siti = singapay.Customer{Name: "Siti Canariawati Kusumaningrum",
	Email: "siti.canariawati@customers.example", Phone: "081298765432109"}

const sitisCard = "4111119876543210"

// TestNoCustomerAnywhere: who pays is in the gateway's notifications and answers, and in the
// deliveries that did not open, which are kept whole. It is in nothing that an operator, a tool or
// a stranger reads.
func TestNoCustomerAnywhere(t *testing.T) {
	t.Parallel()
	named := func(change func(*demo.Options)) func(*demo.Options) {
		return func(o *demo.Options) {
			change(o)
			o.Simulation = demo.SingaPayOptions{Customer: siti}
		}
	}
	for name, tc := range map[string]struct {
		change func(*demo.Options)
		play   func(*stage, *till) []device.Payment
	}{
		"singapay":    {named(withSingaPay), (*stage).sellToSiti},
		"singapay-qr": {named(withQRIS), (*stage).sellToSiti},
		"axs":         {withQuery, (*stage).sellToSitiByAXS},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, x := open(t, tc.change)
			sold := tc.play(s, x)
			texts := s.readAll(sold)
			canaries := s.canaries()
			kept := false
			for _, f := range s.journal() {
				d, parked := f.Data.(payment.Parked)
				if !parked {
					continue
				}
				kept = kept || bytes.Contains(d.Envelope.Body, []byte(siti.Name))
				for _, header := range []string{"Authorization", "X-Signature"} {
					for _, value := range d.Envelope.Headers[header] {
						canaries = append(canaries, newCanary("a delivery's "+header,
							strings.TrimPrefix(value, "Bearer ")).partly())
					}
				}
			}
			if !kept {
				t.Error("no parked delivery names the customer: this test looks at the wrong thing")
			}
			nowhere(t, texts, canaries)
		})
	}
}

// canaries are the customer's data and the gateway's secrets.
func (s *stage) canaries() []canary {
	s.t.Helper()
	all := []canary{
		newCanary("customer's name", siti.Name).partly(),
		newCanary("customer's address", siti.Email).partly(),
		newCanary("customer's phone", siti.Phone).partly(),
		newCanary("customer's card", sitisCard).partly(),
	}
	if s.h.SingaPay() == nil {
		return append(all, newCanary("AXS secret", s.axsSecret()).partly())
	}
	all = append(all, newCanary("client secret", readFile(s.t, s.dir, "singapay.secret")).partly(),
		canary{"access token", []string{"eyJ0eXAi"}})
	for _, p := range s.h.SingaPay().Payments() {
		for _, a := range p.Attempts {
			if strings.HasPrefix(a.Method, "VA_") {
				all = append(all, newCanary("account number", a.Value).partly())
			}
		}
	}
	return all
}

// sellToSiti sells until every way has been taken on which SingaPay's word reaches the agent, and
// every one that does not open.
func (s *stage) sellToSiti(x *till) (sold []device.Payment) {
	s.t.Helper()
	sell := func(reference string, faults ...singapay.FaultKind) device.Payment {
		s.t.Helper()
		p := x.start(reference, 1_500_000)
		s.until(p.ID, payment.KindShown)
		for _, kind := range faults {
			s.faultOfSingaPay(singapay.Fault{Kind: kind, MerchantRef: p.MerchantRef, Times: 1})
		}
		if s.options.Mode != "qr" {
			scan(s.t, p.QRPayload).button("pick", "VA_BRI") // an inquiry
		}
		if _, err := s.h.SingaPay().Act(p.MerchantRef,
			singapay.Action{Do: singapay.Pay}); err != nil {
			s.t.Fatal(err)
		}
		sold = append(sold, p)
		return p
	}
	x.acknowledge(x.approved(sell("GOOD").ID))
	// SingaPay is asked, and says paid
	x.acknowledge(x.approved(sell("STALE", singapay.FaultStale).ID))
	for _, kind := range []singapay.FaultKind{singapay.FaultForged, singapay.FaultLost} {
		p := sell(strings.ToUpper(string(kind)), kind)
		done := x.cancelling(p.ID)() // the question finds the payment
		checkOutcome(s.t.(*testing.T), string(kind), done, payment.StatusApproved, nil, "")
		x.acknowledge(done)
	}
	x.acknowledge(x.cancelling(sell("UNSIGNED", singapay.FaultUnsigned).ID)())
	parked := 1
	for _, kind := range []singapay.FaultKind{
		singapay.FaultTampered, singapay.FaultWrongSecret, singapay.FaultWrongEndpoint,
		singapay.FaultTruncated,
	} {
		p := sell(strings.ToUpper(string(kind)), kind)
		parked++
		s.parked(parked)
		x.acknowledge(x.cancelling(p.ID)())
	}
	p := x.start("GARBAGE", 1_500_000)
	s.faultOfSingaPay(singapay.Fault{Kind: singapay.FaultGarbage,
		Value: fmt.Sprintf(`{"event":"new","who":"%s %s %s"}`, siti.Name, siti.Email, siti.Phone),
		Times: 1})
	if _, err := s.h.SingaPay().Act(p.MerchantRef, singapay.Action{Do: singapay.Pay}); err != nil {
		s.t.Fatal(err)
	}
	s.parked(parked + 1) // signed well, about nothing that is known
	x.acknowledge(x.cancelling(p.ID)())
	if err := s.h.SingaPay().Test(""); err != nil {
		s.t.Fatal(err)
	}
	p = sell("MISMATCH", singapay.FaultWrongAmount)
	x.acknowledge(x.outcome(p.ID))
	s.parked(parked + 1) // what is not signed is counted, and nothing of it is kept
	if err := lacks(s.journal(), payment.KindJunk); err != nil {
		s.t.Error(err)
	}
	return sold
}

func (s *stage) faultOfSingaPay(f singapay.Fault) {
	s.t.Helper()
	if _, err := s.h.SingaPay().AddFault(f); err != nil {
		s.t.Fatal(err)
	}
}

// parked waits until so many deliveries are parked.
func (s *stage) parked(n int) {
	s.t.Helper()
	eventually(s.t, "a delivery is parked", func() error {
		if got := count(s.journal(), payment.KindParked); got != n {
			return fmt.Errorf("%d, want %d", got, n)
		}
		return nil
	})
}

// sellToSitiByAXS lets AXS say more than it has announced: in what it seals, and beside what does
// not open.
func (s *stage) sellToSitiByAXS(x *till) []device.Payment {
	s.t.Helper()
	p := x.start("GOOD", 1234)
	s.until(p.ID, payment.KindShown)
	who := object{"customerName": siti.Name, "email": siti.Email, "phone": siti.Phone,
		"cardNumber": sitisCard}
	good := s.mintByNode(statement(p, who), nil)
	form := fmt.Sprintf(`{"data":%q,"customer":{"name":%q,"email":%q,"phone":%q,"card":%q}}`,
		s.mintByNode(statement(p, who), object{"secret": "another-secret-of-some-length-here"}),
		siti.Name, siti.Email, siti.Phone, sitisCard)
	resp, err := http.Post(s.hookURL()+"?name="+strings.ReplaceAll(siti.Name, " ", "+"),
		"application/json", strings.NewReader(form))
	if err != nil {
		s.t.Fatal(err)
	}
	_ = resp.Body.Close()
	s.parked(1)
	s.hook("query data", good)
	x.acknowledge(x.approved(p.ID))
	return []device.Payment{p}
}

// readAll collects what operators, tools and strangers can read of a running house.
func (s *stage) readAll(sold []device.Payment) map[string]string {
	s.t.Helper()
	client := &http.Client{}
	s.t.Cleanup(client.CloseIdleConnections)
	texts := make(map[string]string)
	for name, target := range map[string]string{
		"the status page":  s.h.Agent.MetricsURL() + "/",
		"the metrics":      s.h.Agent.MetricsURL() + "/metrics",
		"the display page": s.h.Agent.DisplayLogin(),
	} {
		_, texts[name] = fetch(s.t, client, http.MethodGet, target, nil)
	}
	command := func(args ...string) string {
		s.t.Helper()
		out, err := exec.Command(programs.Path(s.t, "kiosk-agent"),
			append(args, "--config", s.h.ConfigPath)...).CombinedOutput()
		if err != nil {
			s.t.Errorf("kiosk-agent %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	for _, args := range [][]string{
		{"status"}, {"check-config"}, {"worklist"}, {"journal", "list"}, {"journal", "verify"},
		{"journal", "export", "--format", "csv"}, {"journal", "export", "--format", "jsonl"},
	} {
		texts[strings.Join(args, " ")] = command(args...)
	}
	for _, p := range sold {
		texts["journal show "+p.Reference] = command("journal", "show", p.ID)
		if !strings.Contains(texts["journal export --format jsonl"], p.ID) {
			s.t.Errorf("the export does not know %s", p.Reference)
		}
	}
	bundle, log := filepath.Join(s.dir, "kiosk.tar.gz"), s.log.String()
	texts["the log"] = log
	texts["support-bundle"] = command("support-bundle", bundle)
	for name, text := range unpack(s.t, bundle) {
		texts["the bundle's "+name] = text
	}
	return texts
}
