package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kiosk-agent/internal/strictjson"
	"kiosk-agent/sandbox/simkit"
)

// codeExpiry is the life of a code that was asked for without an expiry. One of the document's
// tables says 300 s, another 600 s.
const codeExpiry = 300 * time.Second

// codeAnswer is what a request for a code returns, in the document's order. The numbers are numbers
// or, with Config.NumbersAsText, strings.
type codeAnswer struct {
	TransactionReferenceID string `json:"transactionReferenceId"`
	MerchantID             string `json:"merchantId"`
	MerchantRef            string `json:"merchantRef"`
	QRString               string `json:"qrString"`
	Expiry                 any    `json:"expiry"`    // seconds
	CreatedAt              any    `json:"createdAt"` // Unix milliseconds
	Status                 string `json:"status"`
	PaymentType            string `json:"paymentType"`
}

// serveCode answers GET /api/hpp/v1/qrcode/{merchantLinkId}?data={JWE}. Every payment link id of a
// merchant has codes here, although at AXS its type is chosen in the portal. What AXS answers when
// a merchantRef is asked for again is not known; the sandbox refuses it with 409, whether a link or
// a code has used it, so that a client that asks twice is found out.
func (s *Server) serveCode(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		http.Error(w, "sandbox: a code is asked for with GET", http.StatusMethodNotAllowed)
		return
	}
	in, status, problems := s.receive(r, r.URL.RawQuery)
	var l checkoutLink
	if len(problems) == 0 {
		l, problems = parseCode(in.plaintext, in.merchant)
		if problems = append(problems, s.refusesToo(in.plaintext)...); len(problems) > 0 {
			status = http.StatusBadRequest
		}
	}
	if len(problems) > 0 {
		s.refuseCode(w, status, problems)
		return
	}
	answer, strikes, err := s.makeCode(in, l)
	switch {
	case strikes[FaultQR500] != nil:
		writeJSON(w, http.StatusInternalServerError,
			map[string]string{"error": "sandbox: internal error (scripted)"})
	case err != nil:
		writeJSON(w, http.StatusInternalServerError,
			map[string]string{"error": "sandbox: " + err.Error()})
	case answer == nil:
		s.refuseCode(w, http.StatusConflict,
			[]problem{{"merchantRef", "was used before: it must be unique"}})
	case strikes[FaultQRTimeout] != nil:
		s.stall(w, r, time.Duration(strikes[FaultQRTimeout].Delay))
	case strikes[FaultQRNonsense] != nil:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, cmp.Or(strikes[FaultQRNonsense].Value, maintenance))
	default:
		if f := strikes[FaultQROtherRef]; f != nil {
			answer.MerchantRef = f.otherRef(l.MerchantRef)
		}
		s.writeAnswer(w, in.merchant, answer, func(object []byte) []byte {
			return bent(object, s.bend.code)
		})
	}
}

func (s *Server) refuseCode(w http.ResponseWriter, status int, problems []problem) {
	s.log.Info("code refused", "problem", problems[0].String(), "problems", len(problems))
	writeJSON(w, status, map[string]any{"error": "sandbox: the request for a code was refused",
		"problems": problems})
}

// parseCode checks a decrypted request for a code: a link's payload without its pages, for exactly
// one wallet.
func parseCode(plaintext []byte, m *Merchant) (checkoutLink, []problem) {
	l, problems := parseLink(plaintext, m, codeExpiry)
	fields, err := strictjson.Object(plaintext, maxDepth)
	if err != nil {
		return l, problems
	}
	for _, name := range []string{"successUrl", "failUrl", "cancelUrl"} {
		if _, there := fields[name]; there {
			problems = append(problems, problem{name, "is not a field of a request for a code"})
		}
	}
	if _, there := fields["expiry"]; !there {
		l.Notes = append(l.Notes, "No expiry: the document names two defaults, 300 s and 600 "+
			"s. The sandbox takes 300 s.")
	}
	scheme, named := stringField(fields, "scheme")
	switch {
	case !named || scheme == "":
		l.Schemes = []Scheme{PayNow}
	case len(l.Schemes) != 1 || l.Schemes[0].Card():
		problems = append(problems, problem{"scheme", "must be one of paynow, alipay, wechatpay"})
	}
	return l, problems
}

// makeCode registers the payment with its code, which waits to be paid (SENT) from now on. Answer
// is nil when the reference was used.
func (s *Server) makeCode(in incoming, l checkoutLink) (answer *codeAnswer,
	strikes faultSet, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	strikes = s.struckBy(l.MerchantRef, l.Amount, ofCodes)
	if strikes[FaultQR500] != nil { // nothing came to be
		return nil, strikes, nil
	}
	if s.byRef[refKey{in.merchant.ClientID, l.MerchantRef}] != nil {
		return nil, strikes, nil
	}
	now := s.clock.Now()
	if err := s.keep(bookLine{At: now,
		Opened: &openedLine{LinkID: in.linkID, Token: in.token, Code: true}}); err != nil {
		return nil, strikes, err
	}
	p := s.register(in, l, now)
	p.code = true
	if err := s.carryOut(p, Action{Do: ShowCode, Scheme: l.Schemes[0]}, now); err != nil {
		return nil, strikes, err
	}
	s.log.Info("code made", "merchant_ref", l.MerchantRef, "amount", l.Amount,
		"scheme", string(l.Schemes[0]))
	answer = &codeAnswer{
		TransactionReferenceID: p.records[0].TransactionRef, MerchantID: in.merchant.ClientID,
		MerchantRef: l.MerchantRef, QRString: p.qrString(),
		Expiry: int64(l.Expiry / time.Second), CreatedAt: now.UnixMilli(), Status: "SUCCESS",
		PaymentType: string(l.Schemes[0]),
	}
	if s.cfg.NumbersAsText {
		answer.Expiry, answer.CreatedAt = fmt.Sprint(answer.Expiry), fmt.Sprint(answer.CreatedAt)
	}
	if outcome, fixed := s.cfg.Outcomes[l.Amount]; fixed && outcome.AtOnce {
		err = s.act(p, Action{Do: Pay, Scheme: l.Schemes[0]})
	}
	return answer, strikes, err
}

// qrString is what the customer's wallet scans: for PayNow a string in the form of EMVCo, as the
// real ones are, for a receiver that does not exist; for the others an address that does not exist.
// "" for a link.
func (p *payment) qrString() string {
	if !p.code || len(p.records) == 0 {
		return ""
	}
	ref := p.records[0].TransactionRef
	if scheme := p.link.Schemes[0]; scheme != PayNow {
		return "https://" + strings.ToLower(string(scheme)) + ".sandbox.invalid/" + ref
	}
	field := func(id int, value string) string {
		return fmt.Sprintf("%02d%02d%s", id, len(value), value)
	}
	account := field(0, "SG.PAYNOW") + field(1, "2") + field(2, "SANDBOX00X") + field(3, "0")
	text := field(0, "01") + field(1, "12") + field(26, account) + field(52, "0000") +
		field(53, "702") + field(54, dollars(p.link.Amount)) +
		field(58, "SG") + field(59, "SANDBOX") + field(60, "Singapore") + field(62, field(1, ref)) +
		"6304"
	return text + fmt.Sprintf("%04X", simkit.CRC16(text))
}

// Scan finds the payment of a code, as the wallet does that scans it; ErrUnknown for any other
// text.
func (s *Server) Scan(qrString string) (Payment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.payments {
		if code := p.qrString(); code != "" && code == qrString {
			return p.copy(s.clock.Now()), nil
		}
	}
	return Payment{}, ErrUnknown
}

// writeAnswer answers in the form that Config.QueryForm asks for.
func (s *Server) writeAnswer(w http.ResponseWriter, m *Merchant, answer any,
	as func([]byte) []byte) {
	plaintext, err := json.Marshal(answer)
	plaintext = as(plaintext)
	if err == nil && s.cfg.QueryForm != QueryPlain {
		var token string
		envelope := seal{secret: m.Secret.Reveal(), kid: m.ClientID}
		if s.bend.sealed != nil {
			s.bend.sealed(&envelope)
		}
		token, err = envelope.token(s.rand, plaintext)
		if err == nil && s.cfg.QueryForm == QueryCompact {
			w.Header().Set("Content-Type", "application/jose")
			_, _ = io.WriteString(w, token)
			return
		}
		plaintext = []byte(`{"data":` + strconv.Quote(token) + `}`)
	}
	if err != nil {
		s.log.Error("not answered", "error", err.Error())
		writeJSON(w, http.StatusInternalServerError,
			map[string]string{"error": "sandbox: the answer could not be made"})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(plaintext)
}
