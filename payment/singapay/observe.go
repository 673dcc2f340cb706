package singapay

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"kiosk-agent/payment"
)

// What an answer is about, for who observes.
const (
	aboutToken     = "access token"
	aboutLink      = "create"
	aboutCode      = "code"
	aboutLinkAsked = "query, one link"
	aboutCodeAsked = "query, one code"
	aboutLinks     = "query, links"
	aboutCodes     = "query, codes"
	aboutAttempts  = "query, attempts"
)

// The members of the paper.
const (
	linkMembers = "id reff_no title description source payment_link_type payment_url status " +
		"status_computed is_expired max_usage current_usage total_amount customer_pays_fee " +
		"whitelisted_payment_method success_redirect_url expired_redirect_url customer_name " +
		"customer_email customer_phone optional_metadata expired_at payment_date created_at " +
		"updated_at items account"
	codeMembers = "id reff_no merchant_reff_no status status_computed is_expired qr_data kind " +
		"type amount total_amount expired_at payment_date created_at"
	attemptMembers = "id reff_no payment_link_reff_no payment_method_name payment_method_value " +
		"payment_method_additional amount status status_computed is_expired payment_date " +
		"processed_timestamp expired_at balance_after customer_name customer_email " +
		"customer_phone has_settle settle_at optional_metadata created_at"
)

// observe tells what an answer looks like, if somebody listens. It repeats no token, nothing of a
// customer, and no value.
func (g *Gateway) observe(about string, a answer, h http.Header, body []byte) {
	if g.cfg.Observe == nil || about == "" {
		return
	}
	path, _, _ := strings.Cut(about, ",")
	s := &sheet{path: path}
	of := strings.TrimPrefix(strings.TrimPrefix(about, path), ", ")
	s.as("HTTP status", fmt.Sprint(a.status)+spaced(of), "200", a.status == http.StatusOK ||
		a.status == http.StatusCreated)
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	s.as("content type", shownType(kind), "application/json", kind == "application/json")
	if a.theirs.IsZero() {
		s.add("header Date", "missing", "there", payment.FitOpen)
	}
	top, err := parse(bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff"))))
	if err != nil {
		s.add("body", fmt.Sprintf("%d bytes, not one plain JSON object", len(body)),
			"one JSON object", payment.FitUnknown)
		g.cfg.Observe(s.lines)
		return
	}
	g.observeEnvelope(s, top)
	if a.failure != "" {
		if strings.Contains(a.failure, "singapay.reference") {
			s.as("answer", a.failure, "a success", false, "reference", ReferencePlain)
		} else {
			s.as("answer", a.failure, "a success", false)
		}
		g.cfg.Observe(s.lines)
		return
	}
	switch about {
	case aboutToken:
		s.members("data", a.data, "access_token token_type expires_in")
		s.member(a.data, "access_token", "access_token", g.cfg.Members.AccessToken, "access_token",
			likeToken)
		s.as("expires_in", kindOfValue(at(a.data, "expires_in")), "a number, or digits as a string",
			count(at(a.data, "expires_in")) >= 0)
	case aboutLink, aboutLinkAsked:
		g.observeLink(s, g.observeObject(s, a, linkMembers, likeURL))
	case aboutCode, aboutCodeAsked:
		g.observeCode(s, g.observeObject(s, a, codeMembers, likeQR))
	default:
		g.observeList(s, about, a)
	}
	g.cfg.Observe(s.lines)
}

func spaced(of string) string {
	if of == "" {
		return ""
	}
	return " (" + of + ")"
}

// observeEnvelope says which of the two envelopes an answer has.
func (g *Gateway) observeEnvelope(s *sheet, top object) {
	const paper = "status, success and data; or response_code, response_message and data"
	code, _ := scalar(top["response_code"])
	switch _, success := top["success"]; {
	case code == codeOK:
		s.add("envelope", "v2: response_code", paper, payment.FitPaper)
	case code != "" && anyCode.MatchString(code) && codeWords[code] != "":
		s.add("envelope", "v2: response_code "+code, paper, payment.FitPaper)
	case code != "" && unknownCode(g, code):
		s.add("envelope", "v2: response_code "+plainName(code, "?"), paper, payment.FitDiffers,
			"words.code_ok", plainName(code, ""))
	case code != "":
		s.add("envelope", "v2: response_code "+plainName(code, "?"), paper, payment.FitMended,
			"words.code_ok", plainName(code, ""))
	case success:
		s.add("envelope", "v1: success", paper, payment.FitPaper)
	default:
		s.add("envelope", "neither, with "+came(top), paper, payment.FitOpen)
	}
}

func unknownCode(g *Gateway, code string) bool {
	for _, known := range g.cfg.Words.CodeOK {
		if known == code {
			return false
		}
	}
	return true
}

// observeObject says where the link or code is, which it returns, and what its members are.
func (g *Gateway) observeObject(s *sheet, a answer, known string,
	like func(string, any) bool) object {
	holds := func(v any) bool {
		m, _ := v.(object)
		return slices.ContainsFunc(slices.Sorted(maps.Keys(m)),
			func(name string) bool { return like(strings.ToLower(name), m[name]) })
	}
	m, _ := g.object(a).(object)
	found := search(object(a.top), "", 0, func(_ string, v any) bool { return holds(v) })
	switch {
	case holds(m) && holds(a.data):
		s.add("place", "data", "data", payment.FitPaper)
	case holds(m):
		s.add("place", found, "data", payment.FitMended, "answers.object", found)
	case found == "":
		s.add("place", "nowhere: "+came(a.top), "data", payment.FitUnknown)
	default:
		s.add("place", found, "data", payment.FitDiffers, "answers.object", found)
		m, _ = at(a.top, strings.Split(found, ".")...).(object)
	}
	s.members("it", m, known)
	return m
}

func (g *Gateway) observeLink(s *sheet, v any) {
	names := &g.cfg.Members
	s.refLine(g, s.member(v, "reff_no", "reff_no", names.MadeRef, "made_ref", likeOwnRef))
	s.member(v, "id", "id", names.MadeID, "made_id", likeID)
	s.amountLine(s.member(v, "total_amount", "total_amount", names.MadeAmount, "made_amount",
		likeAmount))
	s.member(v, "payment_url", "payment_url", names.PaymentURL, "payment_url", likeURL)
	s.member(v, "current_usage", "current_usage", names.MadeUsage, "made_usage", likeUsage)
	status, _ := pick(v, at(v, "status"), names.MadeStatus)
	s.add("status", plainName(text(status), "none, or no word"), "open", fitWhen(status == "open"))
	for _, name := range []string{"max_usage", "customer_pays_fee", "is_expired"} {
		said, _ := scalar(at(v, name))
		if b, ok := at(v, name).(bool); ok {
			said = fmt.Sprint(b)
		}
		want := map[string]string{"max_usage": "1"}[name]
		if want == "" {
			want = "false"
		}
		s.add(name, kindOfValue(at(v, name))+spaced(plainNumber(said)), want, fitWhen(said == want))
	}
	for _, name := range []string{"expired_at", "created_at"} {
		s.timeLine(name, at(v, name))
	}
}

func fitWhen(ok bool) payment.Fit {
	if ok {
		return payment.FitPaper
	}
	return payment.FitOpen
}

func plainNumber(s string) string {
	if len(s) > 8 {
		return ""
	}
	return s
}

func (g *Gateway) observeCode(s *sheet, v any) {
	names := &g.cfg.Members
	s.refLine(g, s.member(v, "merchant_reff_no", "merchant_reff_no", names.MadeRef, "made_ref",
		likeOwnRef))
	s.member(v, "id", "id", names.MadeID, "made_id", likeID)
	s.amountLine(s.member(v, "amount", "amount", names.MadeAmount, "made_amount", likeAmount))
	s.member(v, "qr_data", "qr_data", names.QRData, "qr_data", likeQR)
	s.wordLine(g, "status", fromQR, text(s.member(v, "status", "status", names.MadeStatus,
		"made_status", func(name string, v any) bool {
			return v == "open" || g.likeWord(name,
				v)
		})))
	for _, name := range []string{"expired_at", "created_at", "payment_date"} {
		s.timeLine(name, at(v, name))
	}
}

// observeList says what a list is like, and its first element.
func (g *Gateway) observeList(s *sheet, about string, a answer) {
	list, beside, problem := g.elements(a)
	_, plain := a.data.([]any)
	switch {
	case problem != "":
		key, value := "answers.list", search(object(a.top), "", 0,
			func(_ string, v any) bool { _, ok := v.([]any); return ok })
		if m, ok := a.data.(object); ok && value == "" && len(m) > 0 {
			key, value = "answers.single", "true"
		}
		s.add("list", "not under data: "+came(a.top), "data", payment.FitDiffers, key, value)
		if list, _ = at(a.top, strings.Split(value, ".")...).([]any); key == "answers.single" {
			list = numbered(a.data.(object))
		}
	case plain:
		s.add("list", fmt.Sprintf("%d elements", len(list)), "data", payment.FitPaper)
	default:
		key := "answers.list"
		if len(g.cfg.Answers.List) == 0 {
			key = "answers.single"
		}
		s.add("list", fmt.Sprintf("%d elements, elsewhere or as an object", len(list)), "data",
			payment.FitMended, key)
	}
	switch current, pages, total := pagination(beside); {
	case current >= 0 && pages >= 0 && total >= 0:
		s.add("pagination", fmt.Sprintf("page %d of %d, %d in all", current, pages, total),
			"current_page, total_pages, total", payment.FitPaper)
	case g.cfg.Answers.Unpaged:
		s.add("pagination", "not all of it", "current_page, total_pages, total", payment.FitMended,
			"answers.unpaged", "true")
	default:
		s.add("pagination", "not all of it: the list is read until a page is empty",
			"current_page, total_pages, total", payment.FitOpen)
	}
	if len(list) == 0 {
		return
	}
	switch first := list[0]; about {
	case aboutAttempts:
		names := &g.cfg.Members
		s.members("an attempt", first, attemptMembers)
		s.member(first, "payment_link_reff_no", "payment_link_reff_no", names.AttemptLink,
			"attempt_link", likeOwnRef)
		s.member(first, "reff_no", "reff_no", names.AttemptRef, "attempt_ref", likeRef)
		s.wordLine(g, "status", fromAttempt, text(s.member(first, "status", "status",
			names.AttemptStatus, "attempt_status", g.likeWord)))
		s.amountLine(s.member(first, "amount", "amount", names.AttemptAmount, "attempt_amount",
			likeAmount))
		s.timeLine("created_at", at(first, "created_at"))
		s.timeLine("payment_date", at(first, "payment_date"))
	case aboutLinks:
		s.members("a link", first, linkMembers)
		g.observeLink(s, first)
	case aboutCodes:
		s.members("a code", first, codeMembers)
		g.observeCode(s, first)
	}
}
