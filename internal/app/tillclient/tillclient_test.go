package tillclient

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"kiosk-agent/internal/secret"
)

// TestDialSaysWhatToDo: a token that is refused and an address where nobody listens are different
// mistakes.
func TestDialSaysWhatToDo(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int // 0 = nobody listens
		want   string
	}{
		{"wrong token", http.StatusUnauthorized,
			"401 Unauthorized (this is no token of a till there"},
		{"too many connections", http.StatusServiceUnavailable,
			"refused the connection: 503 Service Unavailable"},
		{"nobody", 0, "no agent answers on ws://"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(
				func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(tc.status) }))
			defer srv.Close()
			if tc.status == 0 {
				srv.Close()
			}
			_, err := Dial(t.Context(), strings.Replace(srv.URL, "http", "ws", 1),
				secret.New([]byte("canary-token")))
			if err == nil || !strings.Contains(err.Error(), tc.want) ||
				strings.Contains(err.Error(), "canary-token") {
				t.Errorf("%v", err)
			}
		})
	}
}
