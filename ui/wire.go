package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"kiosk-agent/payment"
)

// Close codes of kiosk-display.v1 besides those of RFC 6455.
const (
	closeMoved  = 4001 // another display has become the active one
	closeSilent = 4002 // no hello, or three beats without an answer
)

const (
	subprotocol = "kiosk-display.v1"
	readLimit   = 4096 // bytes; the longest honest message has about 200
)

// report is any message from the display.
type report struct {
	Type     string         `json:"type"`
	N        int64          `json:"n"`
	Seq      int64          `json:"seq"`
	Kind     payment.Screen `json:"kind"`
	Payment  string         `json:"payment"`
	Revision int64          `json:"revision"`
	BoxPx    int            `json:"box_px"`
	Viewport [2]int         `json:"viewport"`
	DPR      float64        `json:"dpr"`
	Touch    bool           `json:"touch"`
	Scheme   string         `json:"scheme"`
}

// asks is what an idle display says, hour by hour: it is read without a decoder.
const asks = `{"type":"ask"}`

// maxPx bounds what a display may claim about itself, in pixels.
const maxPx = 20000

// parseReport is strict: a display that says what it should not is a stranger.
func parseReport(raw []byte) (report, error) {
	if string(raw) == asks {
		return report{Type: "ask"}, nil
	}
	var r report
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return report{}, errors.New("not a message of " + subprotocol)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return report{}, errors.New("bytes after the message")
	}
	switch r.Type {
	case "alive", "ask", "choose":
		return r, nil
	case "shown":
		if !slices.Contains(payment.Screens(), r.Kind) && r.Kind != screenWait &&
			r.Kind != screenHidden {
			return report{}, fmt.Errorf("shown: no kind %.20q", r.Kind)
		}
	case "hello", "layout":
	default:
		return report{}, fmt.Errorf("no message type %.20q", r.Type)
	}
	for _, px := range []int{r.BoxPx, r.Viewport[0], r.Viewport[1]} {
		if px < 0 || px > maxPx {
			return report{}, fmt.Errorf("%s: %d px is no size of a screen", r.Type, px)
		}
	}
	if math.IsNaN(r.DPR) || r.DPR < 0 || r.DPR > 16 {
		return report{}, fmt.Errorf("%s: no pixel ratio %g", r.Type, r.DPR)
	}
	return r, nil
}

// frame is a snapshot or a screen for the display.
type frame struct {
	Type        string         `json:"type"`
	Build       string         `json:"build,omitempty"`
	Seq         int64          `json:"seq"`
	Kind        payment.Screen `json:"kind"`
	Payment     string         `json:"payment,omitempty"`
	Revision    int64          `json:"revision,omitempty"`
	Amount      string         `json:"amount,omitempty"`
	Currency    string         `json:"currency,omitempty"`
	Schemes     []string       `json:"schemes,omitempty"`
	Choices     []choice       `json:"choices,omitempty"`
	RemainingMS *int64         `json:"remaining_ms,omitempty"`
	TotalMS     int64          `json:"total_ms,omitempty"`
	How         string         `json:"how,omitempty"`
	Reason      string         `json:"reason,omitempty"`
	QR          *drawing       `json:"qr,omitempty"`
}

// choice is something to touch: the gateway's word, and the name that customers know.
type choice struct {
	Scheme string `json:"scheme"`
	Name   string `json:"name"`
}

// drawing is a code: as few bytes as say it, for the page draws it.
type drawing struct {
	Modules int    `json:"modules"`
	Quiet   int    `json:"quiet"`
	Px      int    `json:"px"`
	Level   string `json:"level"`
	Bits    []byte `json:"bits"` // qr.Matrix.Bits, base64 on the wire
}

type beat struct {
	Type        string `json:"type"`
	N           int64  `json:"n"`
	Seq         int64  `json:"seq"`
	RemainingMS *int64 `json:"remaining_ms,omitempty"`
}

type sign struct {
	Type string `json:"type"`
}

type bye struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

// encode marshals the types above, which cannot fail.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
