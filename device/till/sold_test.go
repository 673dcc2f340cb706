package till

import (
	"fmt"
	"testing"
	"time"

	"kiosk-agent/device/ecr"
	"kiosk-agent/payment"
)

// totals are files that give each dialect's settlement the fields of the day's sales, and how a
// till of that dialect asks for it, and sells.
var totals = []struct {
	base, function, ecn string
	kind                string
	sale                func(n int, cents int) []byte
}{
	{"paycube", "81", ecn, "81.kind = \"settlement\"\n", numberedSale("Q1", "")},
	{"nets", "81", ecn, "", numberedSale("30", "HD")},
	{"nets", "I5", ecn, "", numberedSale("30", "HD")},
	{"linkpos", "50", "600000000010", "", linkposSale("20")},
	{"uob", "50", "600000000000", "50.kind = \"settlement\"\n", linkposSale("20")},
}

func numberedSale(function, receipt string) func(n, cents int) []byte {
	return func(n, cents int) []byte {
		fields := []string{fmt.Sprintf("40=%012d", cents)}
		if receipt != "" {
			fields = append(fields, fmt.Sprintf("%s=R%012d", receipt, n))
		}
		return frame(fmt.Sprintf("%012d", n), function, "01", fields...)
	}
}

func linkposSale(function string) func(n, cents int) []byte {
	return func(n, cents int) []byte {
		return frame("600000000010", function, "00", fmt.Sprintf("40=%012d", cents),
			fmt.Sprintf("45=%06d", n))
	}
}

// totalling is a rig of that dialect whose settlement tells the day's sales: T0 and T1.
func totalling(t *testing.T, base, function, more string) *rig {
	t.Helper()
	file := "base = \"" + base + "\"\nname = \"mine\"\n"
	if more != "" {
		file += "[functions]\n" + more
	}
	file += fmt.Sprintf(`[[functions.%s.fields]]
code = "T0"
source = "day_count"
width = 4
pad = "left"
fill = "0"
[[functions.%[1]s.fields]]
code = "T1"
source = "day_sum"
width = 12
pad = "left"
fill = "0"
`, function)
	d, err := ecr.Parse("mine.toml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, "paycube")
	r.dialect = d
	r.restart()
	return r
}

// A settlement answers with the facts of the day and the line: what was approved since midnight in
// the dialect's time zone, and has not been given back.
func TestASettlementTellsTheDaysSales(t *testing.T) {
	for _, tc := range totals {
		t.Run(tc.base+" "+tc.function, func(t *testing.T) {
			r := totalling(t, tc.base, tc.function, tc.kind)
			code := "01"
			if tc.base == "linkpos" || tc.base == "uob" {
				code = "00"
			}
			n := 0
			sell := func(cents int, how payment.Status) payment.Payment {
				t.Helper()
				n++
				r.pass(time.Minute)
				r.now.Wall = r.now.Wall.Add(time.Minute)
				r.send(tc.sale(n, cents))
				if len(r.desk.order) != n {
					t.Fatalf("no sale: %q\n%s", r.desk.calls, dump(r.take()))
				}
				p := r.desk.get(r.desk.order[n-1])
				r.finish(p, how)
				r.send([]byte{ack})
				r.pass(10 * time.Second)
				r.take()
				return p
			}
			settle := func(count string, sum string) {
				t.Helper()
				r.send(frame(tc.ecn, tc.function, code))
				fields := []string{"T0=" + count, "T1=" + sum}
				answered := tc.ecn
				switch tc.base {
				case "linkpos", "uob":
					answered = tc.ecn[:11] + "1"
				}
				fields = append([]string{"02=" + pad("SETTLED", 40)}, fields...)
				r.want([]byte{ack}, frame(answered, tc.function, "00", fields...))
				r.send([]byte{ack})
			}
			settle("0000", "000000000000")
			back := sell(1023, payment.StatusApproved)
			sell(500, payment.StatusApproved)
			sell(700, payment.StatusDeclined)
			settle("0002", "000000001523")

			// another line's is not counted, what was given back neither
			r.desk.finish(r.desk.add("other", payment.Requested{Till: "till-1", MerchantRef: "X",
				Money: payment.Money{Amount: 99, Currency: payment.SGD}}).ID,
				payment.StatusApproved)
			r.desk.add(back.ID, payment.Notified{Record: payment.Record{
				MerchantRef: back.MerchantRef, Type: payment.TypeVoid,
				Status: payment.RecordSuccess, Amount: 1023, Currency: "SGD"}})
			settle("0001", "000000000500")
			r.restart()
			settle("0001", "000000000500")

			// midnight in Singapore, at 16:00 UTC; the test began at 9:30
			r.now.Wall = time.Date(2026, 11, 5, 15, 59, 59, 0, time.UTC)
			settle("0001", "000000000500")
			r.now.Wall = time.Date(2026, 11, 5, 16, 0, 0, 0, time.UTC)
			settle("0000", "000000000000")
			sell(300, payment.StatusApproved)
			settle("0001", "000000000300")
		})
	}
}

// Where the journal cannot be read no number is told; a till that asks and asks is one question.
func TestASettlementThatCannotBeAddedUp(t *testing.T) {
	r := totalling(t, "nets", "81", "")
	r.desk.fail["sold"] = broken("sold")
	r.send(frame(ecn, "81", "01"))
	r.want([]byte{ack}, frame(ecn, "81", "HS", "02="+pad("DISK FAULT - NOT STARTED", 40)))
	r.send([]byte{ack})
	clear(r.desk.fail)
	r.deferred["sold"] = true
	for range 3 {
		r.send(frame(ecn, "81", "01"))
	}
	r.send(frame("000000000009", "81", "01"))
	r.want([]byte{ack}, []byte{ack}, []byte{ack}, []byte{ack})
	r.release()
	r.want(frame("000000000009", "81", "00", "02="+pad("SETTLED", 40), "T0=0000",
		"T1=000000000000"))
	if n := r.desk.count("sold"); n != 2 {
		t.Errorf("added up %d times", n)
	}
}
