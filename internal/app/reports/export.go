package reports

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
)

// CSV writes a line for each payment, newest first.
func CSV(out io.Writer, j *offline.Reader) error {
	w := csv.NewWriter(out)
	head := []string{"created_at", "till", "reference", "merchant_ref", "amount", "currency",
		"status", "flags", "provider_ref", "scheme", "paid_at", "acknowledged", "id",
		"receipt"}
	if err := w.Write(head); err != nil {
		return err
	}
	err := eachPayment(j, 0, func(p payment.Payment) error {
		flags := make([]string, len(p.Flags))
		for i, f := range p.Flags {
			flags[i] = string(f)
		}
		line := []string{
			stamp(p.CreatedAt), p.Till, p.Reference, p.MerchantRef, p.Money.Decimal(),
			string(p.Money.Currency), string(p.Status),
			strings.Join(flags, " "), p.ProviderRef, p.Scheme, stamp(p.PaidAt),
			strconv.FormatBool(p.Acknowledged), p.ID, receiptOf(p),
		}
		for i := range line {
			line[i] = cell(line[i])
		}
		return w.Write(line)
	})
	if err != nil {
		return err
	}
	w.Flush()
	return w.Error()
}

var number = regexp.MustCompile(`^[+-][0-9]+(\.[0-9]+)?$`)

// cell is a value that a spreadsheet takes for a text, and runs as nothing: behind an apostrophe,
// where it begins like a formula. A number is none.
func cell(value string) string {
	if value == "" || !strings.ContainsRune("=+-@\t\r\n", rune(value[0])) {
		return value
	}
	if number.MatchString(value) {
		return value
	}
	return "'" + value
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// Facts writes one fact to a line, with what a stranger could use cut out.
func Facts(out io.Writer, j *offline.Reader) error {
	enc := json.NewEncoder(exit.JSON(out))
	return j.Each(1, func(f payment.Fact, hash string) error {
		line := struct {
			Seq     int64        `json:"seq"`
			At      string       `json:"at"`
			Kind    payment.Kind `json:"kind"`
			Payment string       `json:"payment,omitempty"`
			Boot    string       `json:"boot"`
			UpMS    int64        `json:"up_ms"`
			Data    payment.Data `json:"data"`
			Hash    string       `json:"hash"`
		}{f.Seq, stamp(f.At), f.Kind(), f.Payment, f.Boot, f.Up.Milliseconds(), exportable(f.Data),
			hash}
		return enc.Encode(line)
	})
}

// exportable is the data without what would let a stranger pay, guess the secret, or read a
// customer's data.
func exportable(d payment.Data) payment.Data {
	switch d := d.(type) {
	case payment.Minted:
		sum := sha256.Sum256([]byte(d.Payload))
		d.Payload = fmt.Sprintf("[%d characters, SHA-256 %s]", len(d.Payload),
			hex.EncodeToString(sum[:]))
		return d
	case payment.Parked:
		d.Envelope = payment.Envelope{Method: d.Envelope.Method, ReceivedAt: d.Envelope.ReceivedAt}
		return d
	default:
		return d
	}
}
