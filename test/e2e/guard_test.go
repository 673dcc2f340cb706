package e2e_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"kiosk-agent/internal/app/demo"
)

// TestRefusedBeforeUpgrade asks every listener of the agent as strangers do, and then as those do
// who may.
func TestRefusedBeforeUpgrade(t *testing.T) {
	t.Parallel()
	const page = "http://127.0.0.1:7657"
	s := newStage(t, func(o *demo.Options) { o.Origins = []string{page} })
	till := strings.Replace(s.h.Agent.TillURL(), "ws://", "http://", 1)
	display := s.h.Agent.DisplayURL() + "ws"
	metrics := s.h.Agent.MetricsURL() + "/metrics"
	tillToken, displayToken := string(s.h.TillToken.Reveal()),
		string(s.h.Agent.DisplayToken().Reveal())
	_, port, _ := strings.Cut(strings.TrimPrefix(display, "http://"), ":")
	displayHost := "127.0.0.1:" + strings.TrimSuffix(port, "/ws")

	for _, tc := range []struct {
		name, target, token, origin, host, protocol string
		want                                        int
	}{
		{"till: no token", till, "", "", "", "kiosk-till.v1", 401},
		{"till: wrong token", till, "x" + tillToken, "", "", "kiosk-till.v1", 401},
		{"till: the display's token", till, displayToken, "", "", "kiosk-till.v1", 401},
		{"till: no token as a subprotocol", till, "", page, "", "kiosk-till.v1, bearer.", 4401},
		{"till: wrong token as a subprotocol", till, "", page, "",
			"kiosk-till.v1, bearer.x" + tillToken, 4401},
		{"till: a stranger's page", till, tillToken, "https://evil.test", "",
			"kiosk-till.v1", 4403},
		{"till: a stranger's page that has another protocol", till, tillToken,
			"https://evil.test", "", "chat", 403},
		{"till: the null origin", till, tillToken, "null", "", "kiosk-till.v1", 4403},
		{"till: the listener's own origin", till, tillToken,
			"http://" + strings.TrimPrefix(strings.TrimSuffix(till, "/v1/till"), "http://"), "",
			"kiosk-till.v1", 4403},
		{"till: a stranger's name", till, tillToken, "", "evil.test", "kiosk-till.v1", 403},
		{"till: rebound, Host and Origin agree", till, tillToken, "http://evil.test", "evil.test",
			"kiosk-till.v1", 403},
		{"till: loopback with another port", till, tillToken, "", "127.0.0.1:1", "kiosk-till.v1",
			403},
		{"till: welcome", till, tillToken, "", "", "kiosk-till.v1", 101},
		{"till: welcome, a page that may", till, "", page, "", "kiosk-till.v1, bearer." + tillToken,
			101},
		{"display: no token", display, "", "", "", "kiosk-display.v1", 401},
		{"display: wrong token", display, "x" + displayToken, "", "", "kiosk-display.v1", 401},
		{"display: the till's token", display, tillToken, "", "", "kiosk-display.v1", 401},
		{"display: a stranger's page", display, displayToken, "https://evil.test", "",
			"kiosk-display.v1", 403},
		{"display: the till page", display, displayToken, page, "", "kiosk-display.v1", 403},
		{"display: rebound", display, displayToken, "http://evil.test", "evil.test",
			"kiosk-display.v1", 403},
		{"display: welcome", display, displayToken, "", "", "kiosk-display.v1", 101},
		{"display: welcome, its own page", display, displayToken, "http://" + displayHost, "",
			"kiosk-display.v1", 101},
		{"metrics: a stranger's page", metrics, "", "https://evil.test", "", "", 403},
		{"metrics: a stranger's name", metrics, "", "", "evil.test", "", 403},
		{"metrics: welcome", metrics, "", "", "", "", 200},
	} {
		if got := handshake(t, tc.target, tc.token, tc.origin, tc.host,
			tc.protocol); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
	client := &http.Client{}
	t.Cleanup(client.CloseIdleConnections)
	for _, address := range []string{s.h.Agent.DisplayURL(),
		s.h.Agent.DisplayURL() + "?token=wrong", s.h.Agent.DisplayURL() + "vacant"} {
		if status, _ := fetch(t, client, http.MethodGet, address,
			nil); status != http.StatusUnauthorized {
			t.Errorf("%s: %d, want 401", address, status)
		}
	}
}

// handshake asks for a WebSocket (or, without a protocol, for a page) and returns the status of the
// answer; where the connection is taken and closed at once, the close code, which must come first.
func handshake(t *testing.T, target, token, origin, host, protocol string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(soon(t), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if protocol != "" {
		for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket",
			"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
			"Sec-WebSocket-Protocol": protocol} {
			req.Header.Set(k, v)
		}
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if origin != "" {
		req.Header.Set("Origin", origin)
	}
	req.Host = host
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		first, _, _ := strings.Cut(protocol, ",")
		if got := resp.Header.Get("Sec-WebSocket-Protocol"); got != first {
			t.Errorf("%s selects %q, want %q", redacted(target), got, first)
		}
		if code := closeCode(t, resp.Body); code > 4000 {
			return code
		}
	}
	return resp.StatusCode
}

// closeCode is the code of the close frame that a connection begins with; 0 = it begins with
// something else, or says nothing before it is asked.
func closeCode(t *testing.T, connection io.ReadCloser) int {
	t.Helper()
	if _, err := io.WriteString(connection.(io.Writer), pingFrame); err != nil {
		return 0
	}
	frame := make([]byte, 4)
	if _, err := io.ReadFull(connection, frame); err != nil || frame[0] != 0x88 {
		return 0
	}
	return int(frame[2])<<8 | int(frame[3])
}

// pingFrame is a ping as a client sends it, with a mask of zeros.
const pingFrame = "\x89\x80\x00\x00\x00\x00"

func redacted(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return "?"
	}
	return u.Path
}
