package deviation_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/conf"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// field is the field of a section that a key names, without the section's own name.
func field(section reflect.Value, key string) reflect.Value {
	name, rest, deeper := strings.Cut(key, ".")
	for i := range section.NumField() {
		if section.Type().Field(i).Tag.Get("toml") == name {
			if deeper {
				return field(section.Field(i), rest)
			}
			return section.Field(i)
		}
	}
	return reflect.Value{}
}

// write puts into a section what a line says to write there. It reports whether that changed it.
func write(t *testing.T, section *gateways.SingaPay, l payment.Observed) bool {
	t.Helper()
	v := field(reflect.ValueOf(section).Elem(), strings.TrimPrefix(l.Key, "singapay."))
	if !v.IsValid() {
		t.Fatalf("there is no key %s", l.Key)
	}
	switch v := v.Addr().Interface().(type) {
	case *[]string:
		if slices.Contains(*v, l.Value) {
			return false
		}
		*v = append(*v, l.Value)
	case *bool:
		*v = l.Value == "true"
	case *string:
		*v = l.Value
	case *conf.Duration:
		d, err := time.ParseDuration(strings.Trim(l.Value, `"`))
		if err != nil {
			t.Fatal(err)
		}
		*v = conf.Duration(d)
	}
	return true
}

// byLines is a kiosk at a deviating SingaPay, as this section says.
func byLines(t *testing.T, row row, section gateways.SingaPay) *kiosk {
	k := &kiosk{rig: newRig(t)}
	section.BaseURL, section.ClientID, section.APIKey, section.AccountID = k.plays(t, row.as,
		k.hook.URL+hookPath), "client-1", "partner-1", accountID
	mode := gateways.ModeLink
	if strings.HasPrefix(row.as, "qr-") {
		mode = gateways.ModeQR
	}
	g, err := gateways.SingaPayRow().New(gateways.Settings{MaxAmount: 999_999_900,
		Currency: payment.IDR, Mode: mode, HookURL: k.hook.URL + hookPath, Section: &section,
		Observe: k.observe}, gateways.Keys{Secret: secret.New([]byte(clientSecret))},
		gateways.Clock{Now: k.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	k.run(g.(gateway), engine.Config{Currency: payment.IDR, Provider: "singapay", Mode: mode,
		Remote: true, Policy: payment.Policy{ApproveNeedsQuery: true}})
	return k
}

// TestSingaPayIsMendedByItsLines: what the lines about one sale say to write is written, line by
// line, and after three sales at most one is approved of which nothing differs any more.
func TestSingaPayIsMendedByItsLines(t *testing.T) {
	// What nobody can say but a person: a secret, a path. And what no one answer shows.
	people := []string{"key-validation", "path-slash", "path-other", "list-unpaged"}
	for _, row := range singaPayRows() {
		if row.key == "" || slices.Contains(people, row.as) {
			continue
		}
		t.Run(row.as, func(t *testing.T) {
			section := gateways.SingaPayRow().Section.(gateways.SingaPay)
			for range 3 {
				k := byLines(t, row, section)
				p := k.sell(price)
				if p.QRPayload != "" {
					k.pay(p)
				}
				p = k.pass(p.ID, whole)
				k.settle()
				if len(k.differs) == 0 {
					k.wantStatus(p, payment.StatusApproved, "with nothing that differs")
					return
				}
				changed := false
				for _, l := range k.differs {
					if l.Value == "" {
						t.Errorf("%+v says nothing to write", l)
						continue
					}
					changed = write(t, &section, l) || changed
				}
				if !changed {
					t.Fatalf("the lines change nothing any more: %+v", k.differs)
				}
			}
			t.Error("three sales were not enough")
		})
	}
}
