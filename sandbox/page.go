package sandbox

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"kiosk-agent/sandbox/simkit"
)

//go:embed assets
var assets embed.FS

//go:embed assets/page.js
var script []byte

// pages are parsed once and never changed.
var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"dollars": dollars, "lower": func(s Scheme) string { return strings.ToLower(string(s)) },
}).ParseFS(assets, "assets/*.html"))

// checkoutView is what the payment page shows.
type checkoutView struct {
	Payment
	Base, Path, Token              string
	SuccessURL, FailURL, CancelURL string
	Left                           int      // seconds until the link expires, rounded up
	LeftText                       string   // the same as m:ss
	Last                           *Record  // the customer's newest attempt
	Waiting                        []Scheme // wallets whose code is on the customer's screen
	Message                        string   // why the button that was just pressed did nothing
}

// Initial is the letter on the merchant's badge.
func (v checkoutView) Initial() string {
	for _, r := range v.Merchant {
		return strings.ToUpper(string(r))
	}
	return "?"
}

// Shown reports whether a wallet's code is on the customer's screen.
func (v checkoutView) Shown(scheme Scheme) bool { return slices.Contains(v.Waiting, scheme) }

// serveCheckout answers GET /hpp/checkout/{merchantLinkId}?data={JWE}.
func (s *Server) serveCheckout(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet { // a HEAD of some link checker must not count as a customer
		http.Error(w, "sandbox: a phone uses GET", http.StatusMethodNotAllowed)
		return
	}
	view, status, problems := s.checkout(r, r.URL.RawQuery)
	if len(problems) > 0 {
		s.showProblems(w, status, problems)
		return
	}
	s.render(w, http.StatusOK, "checkout.html", view)
}

// serveButton answers the buttons: POST /hpp/checkout/{merchantLinkId}/act with data, action and
// scheme as a form.
func (s *Server) serveButton(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "sandbox: the form is too long", http.StatusRequestEntityTooLarge)
		return
	}
	view, status, problems := s.checkout(r, string(body))
	if len(problems) > 0 {
		s.showProblems(w, status, problems)
		return
	}
	form, _ := url.ParseQuery(string(body)) // it parsed a moment ago
	_, err = s.Act(view.MerchantRef, Action{
		Do: Verb(form.Get("action")), Scheme: Scheme(form.Get("scheme")), ClientID: view.ClientID,
	})
	if err != nil {
		view.Message = err.Error()
		s.render(w, statusOf(err), "checkout.html", view)
		return
	}
	// See other: a reload of the result must not press the button again.
	http.Redirect(w, r, s.pageURL(view.LinkID, view.Token), http.StatusSeeOther)
}

func (s *Server) pageURL(linkID, token string) string {
	return s.cfg.BasePath + s.bend.path + linkID + "?data=" + url.QueryEscape(token)
}

// checkout opens and checks a link and registers its first opening.
func (s *Server) checkout(r *http.Request, form string) (checkoutView, int, []problem) {
	in, status, problems := s.receive(r, form)
	if len(problems) > 0 {
		return checkoutView{}, status, problems
	}
	link, problems := parseLink(in.plaintext, in.merchant, s.cfg.DefaultExpiry)
	problems = append(problems, s.refusesToo(in.plaintext)...)
	if len(problems) > 0 {
		return checkoutView{}, http.StatusBadRequest, problems
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, conflict, err := s.open(in, link)
	if conflict {
		return checkoutView{}, http.StatusConflict, []problem{{"merchantRef",
			"was used by another link before: it must be unique (only the very same link may " +
				"be opened again)"}}
	}
	if p == nil {
		return checkoutView{}, http.StatusInternalServerError, []problem{{"payment", err.Error()}}
	}
	view := s.view(p)
	if err != nil {
		view.Message = err.Error()
	}
	return view, http.StatusOK, nil
}

// view collects what the page shows. The caller holds s.mu.
func (s *Server) view(p *payment) checkoutView {
	now := s.clock.Now()
	v := checkoutView{
		Payment: p.copy(now), Base: s.cfg.BasePath, Path: s.bend.path, Token: p.token,
		SuccessURL: p.link.SuccessURL, FailURL: p.link.FailURL, CancelURL: p.link.CancelURL,
	}
	left := max(0, p.expiresAt.Sub(now))
	v.Left = int((left + time.Second - 1) / time.Second)
	v.LeftText = fmt.Sprintf("%d:%02d", v.Left/60, v.Left%60)
	for i := range v.Records {
		r := &v.Records[i]
		switch {
		case r.Type != "PAY":
		case r.Status == StatusSent:
			v.Waiting = append(v.Waiting, r.Scheme)
		case v.Last == nil || !r.At.Before(v.Last.At):
			v.Last = r
		}
	}
	return v
}

func (s *Server) showProblems(w http.ResponseWriter, status int, problems []problem) {
	s.log.Info("link refused", "problem", problems[0].String(), "problems", len(problems))
	s.render(w, status, "problems.html", struct {
		Base     string
		Status   int
		Problems []problem
	}{s.cfg.BasePath, status, problems})
}

// indexView is what the index shows.
type indexView struct {
	Base     string
	Payments []indexRow // newest first
	Webhooks []Webhook  // newest first
	Faults   []FaultState
	Kinds    []FaultKind
	Links    []indexLink
}

type indexRow struct {
	Payment
	URL string
}

type indexLink struct{ Merchant, Path string }

// serveIndex shows a person every payment, webhook and fault.
func (s *Server) serveIndex(w http.ResponseWriter, _ *http.Request) {
	v := indexView{Base: s.cfg.BasePath, Webhooks: s.Webhooks(), Faults: s.Faults(),
		Kinds: FaultKinds()}
	slices.Reverse(v.Webhooks)
	s.mu.Lock()
	now := s.clock.Now()
	for _, p := range slices.Backward(s.payments) {
		v.Payments = append(v.Payments, indexRow{p.copy(now), s.pageURL(p.linkID, p.token)})
	}
	s.mu.Unlock()
	for _, m := range s.cfg.Merchants {
		for _, id := range m.LinkIDs {
			v.Links = append(v.Links, indexLink{m.Name, s.cfg.BasePath + s.bend.path + id})
		}
	}
	s.render(w, http.StatusOK, "index.html", v)
}

func (s *Server) render(w http.ResponseWriter, status int, page string, view any) {
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, page, view); err != nil {
		s.log.Error("page not rendered", "page", page, "error", err.Error())
		http.Error(w, "sandbox: the page could not be drawn", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w)
}

// serveAsset serves the style sheet and the script.
func (s *Server) serveAsset(w http.ResponseWriter, r *http.Request) {
	kind, body := "text/css; charset=utf-8", simkit.Style
	switch r.PathValue("name") {
	case "page.css":
	case "page.js":
		kind, body = "text/javascript; charset=utf-8", script
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(body)
}
