package prober

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/reports"
	"kiosk-agent/payment"
)

// maxDelivery is the largest delivery that is read, in bytes: the relay takes no more.
const maxDelivery = 1 << 20

// Opener is what a recorded delivery is shown to: the adapter of the configured gateway.
type Opener interface {
	Open(e payment.Envelope) ([]payment.Record, error)
	Describe(e payment.Envelope) []payment.Observed
}

// ReadDelivery reads a recorded delivery: the JSON of a parked entry or of its envelope, or an HTTP
// request as it went over the wire. now is when a request without a time was received.
func ReadDelivery(r io.Reader, now time.Time) (payment.Envelope, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxDelivery+1))
	switch {
	case err != nil:
		return payment.Envelope{}, err
	case len(text) > maxDelivery:
		return payment.Envelope{}, errors.New("it is longer than 1 MiB")
	}
	if trimmed := bytes.TrimSpace(text); bytes.HasPrefix(trimmed, []byte("{")) {
		return fromJSON(trimmed)
	}
	return fromHTTP(text, now)
}

// fromJSON takes an envelope, or what has one: a parked fact, or a line of the journal's export.
func fromJSON(text []byte) (payment.Envelope, error) {
	var all struct {
		payment.Envelope
		Inner *payment.Envelope `json:"envelope"`
		Data  *struct {
			Inner *payment.Envelope `json:"envelope"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return payment.Envelope{}, fmt.Errorf("it is no JSON of a delivery: %w", err)
	}
	switch e := all.Envelope; {
	case all.Inner != nil:
		return *all.Inner, nil
	case all.Data != nil && all.Data.Inner != nil:
		return *all.Data.Inner, nil
	case e.Method == "":
		return e, errors.New("it is JSON without a method: a delivery has method, query, headers " +
			"and body (in base64)")
	default:
		return e, nil
	}
}

func fromHTTP(text []byte, now time.Time) (payment.Envelope, error) {
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
	if err != nil {
		return payment.Envelope{}, fmt.Errorf(
			"it is neither JSON nor an HTTP request (a line like POST /hook/x HTTP/1.1, headers, "+
				"an empty line, the body): %w", err)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return payment.Envelope{}, fmt.Errorf("its body is shorter than it says: %w", err)
	}
	path := req.URL.EscapedPath()
	if parts := strings.SplitN(path, "/", 4); len(parts) == 4 && parts[1] == "hook" {
		path = "/" + parts[3]
	} else {
		path = ""
	}
	return payment.Envelope{Method: req.Method, Path: path, Query: req.URL.RawQuery,
		Headers: req.Header, Body: body, ReceivedAt: now}, nil
}

// Replay shows a recorded delivery to the present configuration: how it stands to the paper, and
// what it would state. Nothing is booked. code is exit.Done, exit.Failure where it does not open,
// exit.Unknown where it decides nothing.
func Replay(w io.Writer, g Opener, assign Assign, all bool, e payment.Envelope) (code int) {
	sheet := Sheet{Out: w, Assign: assign, All: all}
	sheet.Print(g.Describe(e))
	out := reports.Legible(w)
	records, err := g.Open(e)
	switch {
	case err != nil:
		fmt.Fprintf(out, "\nIt does not open: %v\n", err)
		code = exit.Failure
		if cured, ok := errors.AsType[payment.Curable](err); ok {
			fmt.Fprintln(out, cured.Cure())
		}
	case len(records) == 0:
		fmt.Fprintln(out, "\nIt opens, and is about no payment.")
	default:
		fmt.Fprintln(out, "\nIt opens, and states:")
	}
	for _, r := range records {
		fmt.Fprintf(out, "  %s: %s %s, %s %s, transaction %s", r.MerchantRef, r.Type, r.Status,
			stated(r), r.Currency, r.TransactionRef)
		if words := r.Raised(); len(words) > 0 {
			fmt.Fprintf(out, " (by the configured %s)", strings.Join(words, ", "))
		}
		if !payment.Known(r) {
			fmt.Fprint(out, ": it decides nothing, and makes the agent ask the query")
			code = exit.Unknown
		}
		fmt.Fprintln(out)
	}
	sheet.Advise()
	return code
}

func stated(r payment.Record) string {
	if r.Amount == payment.UnreadableAmount {
		return fmt.Sprintf("%q", r.AmountText)
	}
	return payment.Money{Amount: r.Amount, Currency: payment.Currency(r.Currency)}.Decimal()
}
