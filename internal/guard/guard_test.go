package guard

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestPolicyCheck(t *testing.T) {
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7654}
	for _, tc := range []struct {
		name   string
		policy Policy
		host   string
		origin []string
		want   error
	}{
		{"loopback address and port", Policy{}, "127.0.0.1:7654", nil, nil},
		{"another loopback address", Policy{}, "127.8.8.8:7654", nil, nil},
		{"localhost", Policy{}, "LocalHost:7654", nil, nil},
		{"IPv6 loopback", Policy{}, "[::1]:7654", nil, nil},
		{"mapped loopback", Policy{}, "[::ffff:127.0.0.1]:7654", nil, nil},
		{"another port", Policy{}, "127.0.0.1:80", nil, ErrHost},
		{"no port", Policy{}, "127.0.0.1", nil, ErrHost},
		{"rebound name", Policy{}, "evil.test:7654", nil, ErrHost},
		{"rebound name that starts well", Policy{}, "127.0.0.1.evil.test:7654", nil, ErrHost},
		{"empty", Policy{}, "", nil, ErrHost},
		{"listed host", Policy{Hosts: []string{"kiosk.lan"}}, "kiosk.lan:7654", nil, nil},
		{"listed host and port", Policy{Hosts: []string{"kiosk.lan:7654"}}, "kiosk.lan:7654", nil,
			nil},
		{"listed host, other port", Policy{Hosts: []string{"kiosk.lan:1"}}, "kiosk.lan:7654", nil,
			ErrHost},
		{"stranger's page", Policy{}, "127.0.0.1:7654", []string{"https://evil.test"}, ErrOrigin},
		{"null origin", Policy{}, "127.0.0.1:7654", []string{"null"}, ErrOrigin},
		{"empty origin", Policy{}, "127.0.0.1:7654", []string{""}, ErrOrigin},
		{"listed origin", Policy{Origins: []string{"https://till.example"}}, "127.0.0.1:7654",
			[]string{"https://till.example"}, nil},
		{"listed origin and another", Policy{Origins: []string{"https://till.example"}},
			"127.0.0.1:7654", []string{"https://till.example", "https://evil.test"}, ErrOrigin},
		{"own origin, not a page server", Policy{}, "127.0.0.1:7654",
			[]string{"http://127.0.0.1:7654"}, ErrOrigin},
		{"own origin, page server", Policy{SameOrigin: true}, "127.0.0.1:7654",
			[]string{"http://127.0.0.1:7654"}, nil},
		{"rebound host and origin", Policy{SameOrigin: true}, "evil.test:7654",
			[]string{"http://evil.test:7654"}, ErrHost},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))
			r.Host = tc.host
			for _, o := range tc.origin {
				r.Header.Add("Origin", o)
			}
			if err := tc.policy.Check(r); !errors.Is(err, tc.want) {
				t.Errorf("Check() = %v, want %v", err, tc.want)
			}
			w := httptest.NewRecorder()
			reached := false
			tc.policy.Wrap(http.HandlerFunc(
				func(http.ResponseWriter, *http.Request) { reached = true })).ServeHTTP(w, r)
			if reached != (tc.want == nil) || !reached && w.Code != http.StatusForbidden {
				t.Errorf("Wrap: reached=%v status=%d", reached, w.Code)
			}
		})
	}
}
