package singapay

import (
	"net/http"

	"kiosk-agent/sandbox/simkit"
)

// Handler serves everything, under Config.BasePath:
//
//	/api/…                    the gateway, as documented
//	GET  /                    index for a person
//	GET  /b2b/{reff_no}       payment page; POST /b2b/{reff_no}/act its buttons: form data, action,
//	                          method
//	GET  /simulator           where a QRIS text is pasted and paid; POST form data qr, action
//	GET  /sandbox/payments, /sandbox/payments/{ref}, /sandbox/webhooks, /sandbox/collected
//	POST /sandbox/act         {"merchantRef", "action", "method"}; merchantRef is a reff_no,
//	                          merchant_reff_no or QRIS text
//	GET  /sandbox/faults      the faults in force; POST adds one (a Fault as JSON), DELETE ends all
//	POST /sandbox/release     sends what out_of_order holds back
//	POST /sandbox/test        {"clientId"} presses the dashboard's Test button; "" = the first
//	                          credential's
//
// Nobody is authenticated but by the API. Requests of other sites' pages are refused.
func (s *Server) Handler() http.Handler { return s.handler }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern, path string, h http.HandlerFunc) {
		mux.HandleFunc(pattern+" "+s.cfg.BasePath+path, h)
	}
	links, others := s.cfg.LinkEnvelope, s.cfg.OtherEnvelope
	handle("POST", "/api/v1.1/access-token/b2b", s.api(OpToken, others, s.issue))
	handle("POST", "/api/v1.0/access-token/b2b", s.api(OpToken, others, s.issueBasic))
	handle("POST", "/api/v2.0/payment-link/{account}", s.api(OpCreate, links, s.createLink))
	handle("GET", "/api/v2.0/payment-link/{id}", s.api(OpOne, links, s.oneLink))
	handle("PUT", "/api/v2.0/payment-link/update/{id}", s.api(OpUpdate, links, s.updateLink))
	const manage, histories, qris = "/api/v1.0/payment-link-manage",
		"/api/v1.0/payment-link-histories", "/api/v1.0/qris-dynamic"
	handle("GET", manage+"/payment-methods", s.api(OpMethods, others, s.listMethods))
	handle("GET", manage+"/{account}", s.api(OpList, others, s.listLinks))
	handle("GET", manage+"/{account}/{id}", s.api(OpOne, others, s.oneLink))
	handle("DELETE", manage+"/{account}/{id}", s.api(OpDelete, others, s.deleteLink))
	handle("GET", histories+"/{account}", s.api(OpHistories, others, s.listHistories))
	handle("GET", histories+"/{account}/{id}", s.api(OpHistory, others, s.oneHistory))
	handle("POST", qris+"/{account}/generate-qr", s.api(OpQRCreate, others, s.createCode))
	handle("GET", qris+"/{account}/show/{id}", s.api(OpQROne, others, s.oneCode))
	handle("GET", qris+"/{account}", s.api(OpQRList, others, s.listCodes))

	handle("GET", "/{$}", s.serveIndex)
	handle("GET", "/b2b/{ref}", s.servePage)
	handle("POST", "/b2b/{ref}/act", s.serveButton)
	handle("GET", "/simulator", s.serveSimulator)
	handle("POST", "/simulator", s.serveSimulator)
	handle("GET", "/sandbox/page.css", s.serveStyle)
	handle("GET", "/sandbox/payments", s.show(func() any { return s.Payments() }))
	handle("GET", "/sandbox/payments/{ref}", s.controlPayment)
	handle("GET", "/sandbox/webhooks", s.show(func() any { return s.Webhooks() }))
	handle("GET", "/sandbox/collected", s.show(func() any { return s.Collected() }))
	handle("POST", "/sandbox/act", s.controlAct)
	handle("GET", "/sandbox/faults", s.show(func() any { return s.Faults() }))
	handle("POST", "/sandbox/faults", s.controlAddFault)
	handle("DELETE", "/sandbox/faults", s.show(func() any { s.ClearFaults(); return s.Faults() }))
	handle("POST", "/sandbox/release", s.show(func() any { s.ReleaseHeld(); return s.Faults() }))
	handle("POST", "/sandbox/test", s.controlTest)
	// A page of a stranger in the same browser must not press buttons here.
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		guarded.ServeHTTP(w, r)
	})
}

func (s *Server) show(what func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, what()) }
}

func (s *Server) controlPayment(w http.ResponseWriter, r *http.Request) {
	var found []Payment
	for _, p := range s.Payments() {
		if p.MerchantRef == r.PathValue("ref") {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		writeError(w, statusOf(ErrUnknown), ErrUnknown)
		return
	}
	writeJSON(w, http.StatusOK, found[len(found)-1])
}

// actRequest is the body of POST /sandbox/act.
type actRequest struct {
	MerchantRef string `json:"merchantRef"`
	Action      Verb   `json:"action"`
	Method      string `json:"method"`
}

func (s *Server) controlAct(w http.ResponseWriter, r *http.Request) {
	var in actRequest
	if !readJSON(w, r, &in) {
		return
	}
	p, err := s.Act(in.MerchantRef, Action{Do: in.Action, Method: in.Method})
	if err != nil {
		writeError(w, statusOf(err), err)
		return
	}
	writeJSON(w, http.StatusOK, p)
}

func (s *Server) controlAddFault(w http.ResponseWriter, r *http.Request) {
	var f Fault
	if !readJSON(w, r, &f) {
		return
	}
	id, err := s.AddFault(f)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	writeJSON(w, http.StatusCreated, FaultState{ID: id, Fault: f})
}

func (s *Server) controlTest(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ClientID string `json:"clientId"`
	}
	if !readJSON(w, r, &in) {
		return
	}
	if err := s.Test(in.ClientID); err != nil {
		writeError(w, http.StatusNotFound, err)
		return
	}
	writeJSON(w, http.StatusOK, s.Webhooks())
}

// readJSON reads exactly one JSON object of known fields, or answers 400.
func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := simkit.ReadObject(r.Body, into); err != nil {
		writeError(w, http.StatusBadRequest, err)
		return false
	}
	return true
}

func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": "singapay sandbox: " + err.Error()})
}
