package ecr

import "slices"

// isResponse reports whether only a terminal sends m: a frame that came back from a line that
// echoes, or the answer of another terminal on the same wires. Nothing in a frame says who sent it,
// so it is judged by what a till's message cannot have: a field that only responses have, the
// response's mark in the ECN, or a response code where a request has its version. A request's
// version may have the value of a response code (01, and 00 at some tills); a dialect whose answer
// to a sale, a void or a cancel could then be taken for a request does not load.
func (d *Dialect) isResponse(m *Message) bool {
	if m.ECN == nil {
		return false // nothing of the header can be relied on
	}
	return slices.ContainsFunc(m.Fields, func(f Field) bool { return d.only[string(f.Code)] }) ||
		d.codeOnly[string(m.Code)] || d.s.Header.ResponseECN != "" && d.hasOverlay(m.ECN)
}

// onlySources are the sources whose fields no request of this family has, where a dialect does not
// name its own list. References are not among them: a void names the payment with one.
var onlySources = []string{
	sourceText, sourceDate, sourceTime, sourceTerminal, sourceScheme, sourceMerchant,
	sourceMerchantID,
}

// completeDirection fills in which fields tell requests from responses.
func (s *spec) completeDirection() {
	if s.Response.Only != nil {
		return
	}
	s.Response.Only = []string{}
	for i := range s.Response.Fields {
		f := &s.Response.Fields[i]
		if slices.Contains(onlySources, f.Source) && !s.inRequests(f.Code) &&
			!slices.Contains(s.Response.Only, f.Code) {
			s.Response.Only = append(s.Response.Only, f.Code)
		}
	}
}

// versions are those that requests have, though a response code has the same value.
func (h *headerSpec) versions() []string { return append([]string{h.Request}, h.Versions...) }

// inRequests reports whether requests have a field with that code.
func (s *spec) inRequests(code string) bool {
	r := &s.Request
	echoed := func(f responseFieldSpec) bool { return f.Source == sourceEcho && f.Of == code }
	for _, f := range s.Functions {
		if slices.ContainsFunc(f.Fields, echoed) {
			return true
		}
	}
	return code == r.Amount.Code || code == r.Type.Code || code == r.Reference.Code ||
		code == r.Receipt || slices.ContainsFunc(s.Response.Fields, echoed)
}

// direction sets what isResponse looks at.
func (d *Dialect) direction() {
	d.only, d.codeOnly = make(map[string]bool), make(map[string]bool)
	for _, code := range d.s.Response.Only {
		d.only[code] = true
	}
	for _, o := range outcomes {
		d.codeOnly[d.s.Outcomes[string(o.outcome)].Code] = true
	}
	for _, code := range d.s.Response.Codes {
		d.codeOnly[code] = true
	}
	for _, version := range d.s.Header.versions() {
		delete(d.codeOnly, version)
	}
}

// direction makes sure that no answer which could start or end a sale, were it taken for a request,
// can be taken for one.
func (c *checker) direction() {
	h, r := &c.s.Header, &c.s.Response
	versions := h.versions()
	for _, version := range h.Versions {
		c.code("header.versions", version, h.Version)
	}
	for _, code := range r.Codes {
		c.code("response.codes", code, h.Version)
		c.bad(!slices.Contains(versions, code), "response.codes",
			"%q is a version of requests, too", code)
	}
	for _, code := range r.Only {
		c.code("response.only", code, c.s.Field.Code)
		c.bad(!c.s.inRequests(code), "response.only", "%q is a field of requests, too", code)
	}
	if len(c.ps) > 0 || h.ResponseECN != "" {
		return // the ECN says it, or nothing can be said yet
	}
	for _, o := range outcomes {
		code := c.s.Outcomes[string(o.outcome)].Code
		for _, function := range c.s.ordering(o.outcome) {
			c.bad(!slices.Contains(versions, code) || c.s.marked(function, o.outcome),
				"response.only", "an answer with %s (%s) to a %s reads as a request of version "+
					"%[2]s: it needs a field that no request has", o.outcome, code,
				c.s.Functions[function].Kind)
		}
	}
}

// ordering are the functions that start or end a sale, and are answered with o.
func (s *spec) ordering(o Outcome) (list []string) {
	for code, f := range s.Functions {
		cancel := o == CancelDone || o == CancelRefused
		if f.Kind == KindCancel && cancel || !cancel && (f.Kind == KindSale || f.Kind == KindVoid) {
			list = append(list, code)
		}
	}
	slices.Sort(list)
	return list
}

// marked reports whether an answer has, in any case, a field that no request has.
func (s *spec) marked(function string, o Outcome) bool {
	k := s.Functions[function].Kind
	if o == BadFrame {
		k = KindUnknown
	}
	text := s.Outcomes[string(o)].Text
	return slices.ContainsFunc(s.fieldsOf(function), func(f responseFieldSpec) bool {
		always := f.Empty == "fill" || f.Source == sourceText && len(text) > f.Skip ||
			f.Source == sourceConst || f.Source == sourceResponseCode
		return always && slices.Contains(s.Response.Only, f.Code) && f.applies(k, o)
	})
}
