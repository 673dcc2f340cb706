package ecr

import (
	"bytes"
	"slices"
	"strings"
)

// Two things in a header differ between a family's branches: whether the ECN says that a frame is a
// response (Link POS, UOB, Citi: the last of 12 characters is 0 in a request and 1 in a response),
// and whether the indicator behind the version is always the same.

const (
	// keep is the character of header.response_ecn that leaves the request's as it is.
	keep = '.'
	// anyIndicator is the entry of header.indicators that allows all printable characters.
	anyIndicator hexText = "any"
)

// ResponseECN is the ECN of the answer to a request with this one.
func (d *Dialect) ResponseECN(ecn []byte) []byte {
	return overECN(d.s.Header.ResponseECN, bytes.Clone(ecn))
}

// overECN writes a mask over an ECN, in place.
func overECN(mask string, ecn []byte) []byte {
	for i := range min(len(mask), len(ecn)) {
		if mask[i] != keep {
			ecn[i] = mask[i]
		}
	}
	return ecn
}

// hasOverlay reports whether all the response's characters are there.
func (d *Dialect) hasOverlay(ecn []byte) bool {
	for i, c := range []byte(d.s.Header.ResponseECN) {
		if c != keep && ecn[i] != c {
			return false
		}
	}
	return true
}

// indicates reports whether b may stand where the indicator stands.
func (d *Dialect) indicates(b []byte) bool {
	return bytes.Equal(b, d.indicator) ||
		len(b) == len(d.indicator) && (d.anyIndicator && printable(b) ||
			slices.ContainsFunc(d.indicators, func(x []byte) bool { return bytes.Equal(x, b) }))
}

// indicatorRules sets what indicates looks at.
func (d *Dialect) indicatorRules() {
	d.indicator, _ = d.s.Header.Indicator.bytes()
	for _, text := range d.s.Header.Indicators {
		if text == anyIndicator {
			d.anyIndicator = true
			continue
		}
		b, _ := text.bytes()
		d.indicators = append(d.indicators, b)
	}
}

// overlays checks what may differ between requests and responses.
func (c *checker) overlays() {
	h := &c.s.Header
	for _, x := range []struct{ key, mask string }{
		{"header.response_ecn", h.ResponseECN}, {"header.request_ecn", h.RequestECN},
	} {
		c.bad(x.mask == "" || len(x.mask) == h.ECN && printable(x.mask), x.key,
			"%.40q must be %d printable ASCII characters, as the ECN", x.mask, h.ECN)
		c.bad(x.mask == "" || strings.Trim(x.mask, string(keep)) != "", x.key,
			"changes nothing: each character is %q", string(keep))
	}
	c.bad(h.ResponseECN == "" || h.RequestECN != h.ResponseECN, "header.request_ecn",
		"is that of an answer")
	own := h.Indicator.size()
	for _, text := range h.Indicators {
		if text == anyIndicator {
			c.bad(own > 0, "header.indicators", "there is no header.indicator that could vary")
			continue
		}
		b := c.someBytes("header.indicators", text)
		c.bad(len(b) == own, "header.indicators", "%s has not the %d bytes of header.indicator",
			string(text), own)
	}
}
