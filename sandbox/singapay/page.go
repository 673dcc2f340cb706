package singapay

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"kiosk-agent/sandbox/simkit"
)

//go:embed assets
var assets embed.FS

// templates are parsed once and never changed.
var templates = template.Must(
	template.New("").Funcs(template.FuncMap{"rupiah": rupiah}).ParseFS(assets, "assets/*.html"))

// rupiah writes minor units as Indonesians do: Rp10.000.
func rupiah(cents int64) string {
	text := strconv.FormatInt(cents/100, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "." + text[i:]
	}
	return "Rp" + text
}

// linkView is what a link's page shows.
type linkView struct {
	Payment
	Base, Message        string
	Methods              []method
	Pending              []Attempt // what was shown to the customer and can still be paid
	Last                 *Attempt
	SuccessURL, ReturnTo string
	Left                 string // m:ss
}

// MethodName names the method of an attempt.
func (v linkView) MethodName(code string) string { return methodOf(code).Name }

// servePage answers GET /b2b/{ref}: the page that payment_url names.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet { // a HEAD of some link checker must not count as a customer
		http.Error(w, "a phone uses GET", http.StatusMethodNotAllowed)
		return
	}
	_, err := s.Act(r.PathValue("ref"), Action{Do: View})
	s.showPage(w, r.PathValue("ref"), err)
}

// serveButton answers the page's buttons: a form with action and method.
func (s *Server) serveButton(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(r)
	if err != nil {
		http.Error(w, "the form is too long or not well-formed", http.StatusBadRequest)
		return
	}
	ref := r.PathValue("ref")
	if _, err := s.Act(ref, Action{Do: Verb(form.Get("action")),
		Method: form.Get("method")}); err != nil {
		s.showPage(w, ref, err)
		return
	}
	http.Redirect(w, r, s.cfg.BasePath+"/b2b/"+url.PathEscape(ref), http.StatusSeeOther)
}

func readForm(r *http.Request) (url.Values, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(string(body))
}

func (s *Server) showPage(w http.ResponseWriter, ref string, problem error) {
	view, found := s.view(ref)
	if !found {
		s.render(w, http.StatusNotFound, "message.html",
			object{"Base": s.cfg.BasePath, "Title": "No such payment link"})
		return
	}
	status := http.StatusOK
	if problem != nil {
		status, view.Message = statusOf(problem), problem.Error()
	}
	s.render(w, status, "link.html", view)
}

func (s *Server) view(ref string) (linkView, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.linkByRef(ref)
	if l == nil {
		return linkView{}, false
	}
	now := s.clock.Now()
	v := linkView{Payment: s.linkCopy(l, now), Base: s.cfg.BasePath, Methods: l.allowed(),
		SuccessURL: l.SuccessURL, ReturnTo: l.ExpiredURL}
	for i, a := range l.Attempts {
		if a.computed(now) == pending {
			v.Pending = append(v.Pending, v.Attempts[i])
		}
		v.Last = &v.Attempts[i]
	}
	left := max(0, l.ExpiresAt.Sub(now)).Truncate(time.Second)
	v.Left = left.String()
	return v, true
}

// serveSimulator answers GET and POST /simulator: the dashboard's form where a QRIS text is pasted,
// and paid.
func (s *Server) serveSimulator(w http.ResponseWriter, r *http.Request) {
	out := object{"Base": s.cfg.BasePath}
	status := http.StatusOK
	if r.Method == http.MethodPost {
		form, err := readForm(r)
		var p Payment
		if err == nil {
			p, err = s.Act(strings.TrimSpace(form.Get("qr")),
				Action{Do: Verb(cmp.Or(form.Get("action"), string(Pay)))})
		}
		if out["Message"] = "Paid: " + rupiah(p.Amount); err != nil {
			status, out["Message"] = statusOf(err), err.Error()
		}
	}
	s.render(w, status, "simulator.html", out)
}

// serveIndex lists everything for a person.
func (s *Server) serveIndex(w http.ResponseWriter, _ *http.Request) {
	s.render(w, http.StatusOK, "index.html", object{
		"Base": s.cfg.BasePath, "Payments": s.Payments(), "Webhooks": s.Webhooks(),
		"Faults": s.Faults(), "Kinds": FaultKinds(),
	})
}

func (s *Server) serveStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(simkit.Style)
}

func (s *Server) render(w http.ResponseWriter, status int, name string, v any) {
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, v); err != nil {
		s.log.Error("page", "page", name, "error", err.Error())
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

// statusOf maps the errors of Act to HTTP.
func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrUnknown):
		return http.StatusNotFound
	case errors.Is(err, ErrAction), errors.Is(err, ErrMethod):
		return http.StatusBadRequest
	case errors.Is(err, ErrPaid), errors.Is(err, ErrClosed), errors.Is(err, ErrNotPaid),
		errors.Is(err, ErrNothing):
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}
