package singapay

import (
	"encoding/json"
	"net/http"
)

// object is a JSON object of an answer or a webhook.
type object = map[string]any

// pages is the pagination of a list.
type pages struct {
	Count      int `json:"count"`
	Total      int `json:"total"`
	PerPage    int `json:"per_page"`
	Page       int `json:"current_page"`
	TotalPages int `json:"total_pages"`
}

// answer is what an endpoint says, before it is put into an envelope.
type answer struct {
	status  int
	code    string // SP…
	message string
	data    any
	errors  map[string][]string // of fields
	pages   *pages
	coded   bool // in the v2 envelope on every path
}

func ok(data any) answer {
	return answer{status: http.StatusOK, code: "SP000", message: "Successfully", data: data}
}

func refused(status int, code, message string) answer {
	return answer{status: status, code: code, message: message}
}

func coded(status int, code, message string) answer {
	return answer{status: status, code: code, message: message, coded: true}
}

func invalid(errors map[string][]string) answer {
	return answer{status: http.StatusUnprocessableEntity, code: "SP018",
		message: "Validation error", errors: errors}
}

func (a answer) failed() bool { return a.code != "SP000" }

// body puts the answer into an envelope and returns it with the HTTP status.
func (a answer) body(e Envelope, errorsAs200 bool) (int, object) {
	if e == V1 && !a.coded {
		out := object{"status": a.status, "success": !a.failed()}
		if a.failed() {
			problem := object{"code": a.status, "message": a.message}
			if a.errors != nil {
				problem["errors"] = a.errors
			}
			out["error"] = problem
			return a.status, out
		}
		out["data"] = a.data
		if a.pages != nil {
			out["pagination"] = a.pages
		}
		return a.status, out
	}
	out := object{"response_code": a.code, "response_message": a.message, "data": a.data}
	if a.errors != nil {
		out["data"] = object{"errors": a.errors}
	}
	if a.pages != nil {
		out["pagination"] = a.pages
	}
	if errorsAs200 && a.failed() {
		return http.StatusOK, out
	}
	return a.status, out
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // our own types always encode
		status, body = http.StatusInternalServerError,
			[]byte(`{"error":"the answer could not be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
