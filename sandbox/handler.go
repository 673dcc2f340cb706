package sandbox

import (
	"errors"
	"net/http"
	"net/url"

	"kiosk-agent/sandbox/simkit"
)

// maxBody bounds every request body, bytes.
const maxBody = 64 << 10

// routes puts every path under one handler.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(method, path string, h http.HandlerFunc) {
		mux.HandleFunc(method+" "+s.cfg.BasePath+path, h)
	}
	handle("GET", "/{$}", s.serveIndex)
	handle("GET", s.bend.path+"{linkID}", s.serveCheckout)
	handle("POST", s.bend.path+"{linkID}/act", s.serveButton)
	handle("GET", "/api/hpp/v1/qrcode/{linkID}", s.serveCode)
	handle("GET", "/api/hpp/v2/transaction/{linkID}", s.serveQuery)
	handle("GET", "/sandbox/static/{name}", s.serveAsset)
	handle("GET", "/sandbox/payments", s.controlPayments)
	handle("GET", "/sandbox/payments/{ref}", s.controlPayment)
	handle("GET", "/sandbox/webhooks", s.controlWebhooks)
	handle("GET", "/sandbox/collected", s.controlCollected)
	handle("POST", "/sandbox/act", s.controlAct)
	handle("GET", "/sandbox/faults", s.controlFaults)
	handle("POST", "/sandbox/faults", s.controlAddFault)
	handle("DELETE", "/sandbox/faults", s.controlClearFaults)
	handle("POST", "/sandbox/release", s.controlRelease)
	// A page of a stranger in the same browser must not press buttons here.
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // the address of the page carries the token
		h.Set("Content-Security-Policy",
			"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "+
				"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		guarded.ServeHTTP(w, r)
	})
}

// incoming is a token from outside that opened.
type incoming struct {
	opened
	merchant *Merchant
	linkID   string
	token    string
}

// receive finds the merchant by the path and opens the parameter data of the encoded form. The
// status goes with the problems.
func (s *Server) receive(r *http.Request, form string) (in incoming, status int,
	problems []problem) {
	in.linkID = r.PathValue("linkID")
	in.merchant = s.byLink[in.linkID]
	if in.merchant == nil {
		return in, http.StatusNotFound,
			[]problem{{"merchantLinkId", "in the path is not one of this sandbox's payment links"}}
	}
	values, err := url.ParseQuery(form)
	if err != nil {
		return in, http.StatusBadRequest, []problem{{"query", "is not well-formed"}}
	}
	if len(values["data"]) > 1 {
		return in, http.StatusBadRequest, []problem{{"data", "is there more than once"}}
	}
	in.token = values.Get("data")
	in.opened, problems = openToken(in.token, in.merchant.ClientID, in.merchant.Secret)
	if len(problems) > 0 {
		return in, http.StatusBadRequest, problems
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.freshlySalted(in.opened) {
		return in, http.StatusBadRequest, []problem{{"token header p2s",
			"was used by another token before: make a new encrypter for each token, a shared " +
				"one repeats its salt"}}
	}
	return in, http.StatusOK, nil
}

func (s *Server) controlPayments(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Payments())
}

func (s *Server) controlPayment(w http.ResponseWriter, r *http.Request) {
	p, err := s.Payment(r.PathValue("ref"))
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, p)
}

func (s *Server) controlWebhooks(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Webhooks())
}

func (s *Server) controlCollected(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Collected())
}

// actRequest is the body of POST /sandbox/act. A wallet knows no merchantRef: it sends the qrString
// that it has scanned.
type actRequest struct {
	MerchantRef  string `json:"merchantRef"`
	QRString     string `json:"qrString"`
	Action       Verb   `json:"action"`
	Scheme       Scheme `json:"scheme"`
	ResponseCode string `json:"responseCode"`
	ClientID     string `json:"clientId"`
}

func (s *Server) controlAct(w http.ResponseWriter, r *http.Request) {
	var in actRequest
	if !readJSON(w, r, &in) {
		return
	}
	if in.QRString != "" {
		scanned, err := s.Scan(in.QRString)
		if err != nil {
			writeError(w, err)
			return
		}
		in.MerchantRef, in.ClientID = scanned.MerchantRef, scanned.ClientID
	}
	p, err := s.Act(in.MerchantRef,
		Action{Do: in.Action, Scheme: in.Scheme, ResponseCode: in.ResponseCode,
			ClientID: in.ClientID})
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, p)
}

func (s *Server) controlFaults(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Faults())
}

func (s *Server) controlAddFault(w http.ResponseWriter, r *http.Request) {
	var f Fault
	if !readJSON(w, r, &f) {
		return
	}
	id, err := s.AddFault(f)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	writeJSON(w, http.StatusCreated, FaultState{ID: id, Fault: f})
}

func (s *Server) controlClearFaults(w http.ResponseWriter, _ *http.Request) {
	s.ClearFaults()
	writeJSON(w, http.StatusOK, s.Faults())
}

func (s *Server) controlRelease(w http.ResponseWriter, _ *http.Request) {
	s.ReleaseHeld()
	writeJSON(w, http.StatusOK, s.Faults())
}

// readJSON reads exactly one JSON object of known fields, or answers 400.
func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := simkit.ReadObject(r.Body, into); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "sandbox: " + err.Error()})
		return false
	}
	return true
}

// statusOf maps the errors of Act and of the look-ups to HTTP.
func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrUnknown):
		return http.StatusNotFound
	case errors.Is(err, ErrAction), errors.Is(err, ErrScheme):
		return http.StatusBadRequest
	case errors.Is(err, ErrPaid), errors.Is(err, ErrExpired), errors.Is(err, ErrNotPaid),
		errors.Is(err, ErrAmbiguous):
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}

func writeError(w http.ResponseWriter, err error) {
	writeJSON(w, statusOf(err), map[string]string{"error": "sandbox: " + err.Error()})
}
