package ecr

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"kiosk-agent/payment"
)

// ResponseData is what a response can say beside its code. What is empty is left out of the
// response, or filled up where the dialect wants the field in any case.
type ResponseData struct {
	Text           string    // instead of the outcome's own text; cut to the field's width
	At             time.Time // for date and time, which are written in the dialect's time zone
	TerminalID     string
	Money          payment.Money // of the sale
	TransactionRef string        // the gateway's reference of the payment
	Scheme         string        // what the customer paid with, as the gateway says: "paynow"
	ResponseCode   string        // the gateway's: "00"
	Merchant       string        // name (and address)
	MerchantID     string
	Echo           []Field // Request.Echo
	Totals         *Totals // of the day on this line, in the answer to a settlement; nil: not known
}

// Totals are what a line has sold in a day: approved sales, less what was given back of them.
type Totals struct {
	Count int
	Sum   int64 // in minor units
}

// The sources of a response field: where its data comes from.
const (
	sourceText         = "text"
	sourceDate         = "date"
	sourceTime         = "time"
	sourceTerminal     = "terminal_id"
	sourceAmount       = "amount"
	sourceReference    = "transaction_ref"
	sourceScheme       = "card_name"
	sourceHostCode     = "host_code"
	sourceMerchant     = "merchant"
	sourceMerchantID   = "merchant_id"
	sourceResponseCode = "response_code" // the till's own
	sourceConst        = "value"
	sourceEcho         = "echo"
	sourceDayCount     = "day_count"
	sourceDaySum       = "day_sum"
)

// sources in the order in which texts list them; never written.
var sources = []string{
	sourceText, sourceDate, sourceTime, sourceTerminal, sourceAmount, sourceReference, sourceScheme,
	sourceHostCode, sourceMerchant, sourceMerchantID, sourceResponseCode, sourceConst, sourceEcho,
	sourceDayCount, sourceDaySum,
}

// numeric are the sources whose data is a number: cut, it would be another one.
var numeric = []string{sourceAmount, sourceDayCount, sourceDaySum}

// Respond is the frame of the response to req that tells o. Of req only the header is looked at; a
// header that could not be read (ErrFrame without an ECN) is answered with zeros. A response always
// fits: the dialect was checked for it.
func (d *Dialect) Respond(req Message, o Outcome, data ResponseData) []byte {
	m := d.response(req, o, data)
	b, err := d.Append(make([]byte, 0, d.frameLen(d.fieldsLen(m.Fields))), m)
	if err != nil {
		m.Fields = nil // cannot be: load checks the widest response, and the header is made to fit
		b, _ = d.Append(nil, m)
	}
	return b
}

func (d *Dialect) response(req Message, o Outcome, data ResponseData) Message {
	code, text := d.Answer(o)
	if data.Text == "" {
		data.Text = text
	}
	m := Message{ECN: d.ResponseECN(fixed(req.ECN, d.s.Header.ECN)),
		Function: fixed(req.Function, d.s.Header.Function), Code: []byte(code)}
	kind := KindUnknown // also of a frame whose inside nobody could read: it gets the text
	if f := d.function(m.Function); f != nil && o != BadFrame {
		kind = f.Kind
	}
	fields := d.fieldsOf(m.Function)
	for i := range fields {
		f := &fields[i]
		if !f.applies(kind, o) {
			continue
		}
		if b, ok := f.data(d, code, &data); ok {
			m.Fields = append(m.Fields, Field{Code: []byte(f.Code), Data: b})
		}
	}
	return m
}

// fixed is b if it is a header part of that width, else zeros.
func fixed(b []byte, width int) []byte {
	if len(b) != width || !printable(b) {
		return bytes.Repeat([]byte{'0'}, width)
	}
	return bytes.Clone(b)
}

// applies reports whether the field belongs into a response of that kind and outcome.
func (f *responseFieldSpec) applies(k Kind, o Outcome) bool {
	name := k
	if k == KindUnknown {
		name = kindUnlisted
	}
	return (len(f.Kinds) == 0 || slices.Contains(f.Kinds, name)) &&
		(len(f.Outcomes) == 0 || slices.Contains(f.Outcomes, o))
}

// kindUnlisted is how a file writes KindUnknown.
const kindUnlisted Kind = "unknown"

// data is the field's bytes; ok is false if there is nothing to say and the field is then left out.
func (f *responseFieldSpec) data(d *Dialect, code string, r *ResponseData) (b []byte, ok bool) {
	s := f.source(d, code, r)
	if f.Source == sourceEcho {
		return []byte(s), s != "" && len(s) <= f.Width // whole or not at all: the till compares it
	}
	if slices.Contains(numeric, f.Source) {
		if s == "" && f.Empty != "fill" || len(s) > f.Width {
			return nil, false // a number is never cut
		}
		return f.pad(s), true
	}
	if f.Only == "digits" {
		s = keepDigits(s)
	}
	s = s[min(f.Skip, len(s)):]
	if s == "" && f.Empty != "fill" {
		return nil, false
	}
	if len(s) > f.Width {
		if f.Keep == "tail" {
			s = s[len(s)-f.Width:]
		} else {
			s = s[:f.Width]
		}
	}
	return f.pad(s), true
}

func (f *responseFieldSpec) pad(s string) []byte {
	missing := max(0, f.Width-len(s))
	switch f.Pad {
	case "left":
		return []byte(strings.Repeat(f.Fill, missing) + s)
	case "right":
		return []byte(s + strings.Repeat(f.Fill, missing))
	default:
		return []byte(s)
	}
}

// source is the field's text before its width matters; printable ASCII except for an echo.
func (f *responseFieldSpec) source(d *Dialect, code string, r *ResponseData) string {
	switch f.Source {
	case sourceText:
		return clean(r.Text)
	case sourceDate, sourceTime:
		if r.At.IsZero() {
			return ""
		}
		return r.At.In(d.zone).Format(layout(f.Format))
	case sourceTerminal:
		return clean(r.TerminalID)
	case sourceAmount:
		if r.Money.Amount <= 0 {
			return ""
		}
		return strconv.FormatInt(r.Money.Amount, 10)
	case sourceReference:
		return clean(r.TransactionRef)
	case sourceScheme:
		return strings.ToUpper(clean(r.Scheme))
	case sourceHostCode:
		return clean(r.ResponseCode)
	case sourceMerchant:
		return clean(r.Merchant)
	case sourceMerchantID:
		return clean(r.MerchantID)
	case sourceResponseCode:
		return code
	case sourceConst:
		return f.Value
	case sourceDayCount, sourceDaySum:
		return r.Totals.text(f.Source)
	default: // sourceEcho
		i := slices.IndexFunc(r.Echo, func(e Field) bool { return string(e.Code) == f.Of })
		if i < 0 {
			return ""
		}
		return string(r.Echo[i].Data)
	}
}

// text is the number that a source asks for; "" where nobody knows it.
func (t *Totals) text(source string) string {
	switch {
	case t == nil || t.Count < 0 || t.Sum < 0:
		return ""
	case source == sourceDayCount:
		return strconv.Itoa(t.Count)
	default:
		return strconv.FormatInt(t.Sum, 10)
	}
}

// clean puts a question mark for each character that is not printable ASCII.
func clean(s string) string {
	if printable(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

func keepDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// layout is Go's form of "YYMMDD" and "hhmmss".
func layout(format string) string {
	return strings.NewReplacer("YYYY", "2006", "YY", "06", "MM", "01", "DD", "02", "hh", "15",
		"mm", "04", "ss", "05").Replace(format)
}
