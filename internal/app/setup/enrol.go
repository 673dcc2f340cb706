package setup

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"kiosk-agent/internal/secret"
)

// enrolWithin bounds the relay's answer.
const enrolWithin = 30 * time.Second

// answer is the relay's, to a good code.
type answer struct {
	ID, HookURL, Merchant string
	token                 secret.Value
}

// errNoID is an older relay, which takes a code and nothing else, and has not used it.
var errNoID = errors.New("the relay compares no id")

// enrol spends the code, where it is that of the terminal id; "" = whosever it is. Errors say what
// has become of it.
func enrol(ctx context.Context, url, code, id string) (answer, error) {
	req := map[string]string{"code": code}
	if id != "" {
		req["id"] = id
	}
	given, err := post(ctx, url, req)
	if errors.Is(err, errNoID) {
		delete(req, "id")
		given, err = post(ctx, url, req)
	}
	return given, err
}

func post(ctx context.Context, url string, request map[string]string) (answer, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return answer{}, err
	}
	var connected atomic.Bool
	ctx, cancel := context.WithTimeout(ctx, enrolWithin)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx,
		&httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.GetBody = nil // sent once: a second time would find the code used up
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true,
			TLSHandshakeTimeout: 10 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
	resp, err := client.Do(req)
	if err != nil && !connected.Load() {
		return answer{},
			fmt.Errorf(
				"the relay cannot be reached: %w\nThe code was not used: run this again with it",
				err)
	}
	if err != nil {
		return answer{}, lost(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode == http.StatusBadRequest && request["id"] != "" {
		return answer{}, errNoID
	}
	if resp.StatusCode != http.StatusOK {
		return answer{}, refused(resp, text)
	}
	if err != nil {
		return answer{}, lost(err)
	}
	return read(text)
}

// lost is an answer that did not arrive: nobody here knows whether the code is good any more.
func lost(err error) error {
	return fmt.Errorf("the relay's answer was lost: %w\nThe code may be used up. Run this "+
		"again with it; where the relay does not know it then, make another: "+
		"kiosk-relay terminal code ID", err)
}

func refused(resp *http.Response, text []byte) error {
	said := fmt.Sprintf("%s: %.200q", resp.Status, strings.TrimSpace(string(text)))
	switch code := resp.StatusCode; {
	case code == http.StatusNotFound:
		return fmt.Errorf("the relay does not take the code (%s): it is mistyped, used, "+
			"replaced by a newer one or older than 24 hours, or its terminal is revoked. "+
			"If it is none of that, relay.url is not the relay's.\nA new one: kiosk-relay "+
			"terminal code ID", said)
	case code == http.StatusConflict:
		return fmt.Errorf("the code is another terminal's than --id says (%s)\nThe code was not "+
			"used. Take this terminal's: kiosk-relay terminal code ID", said)
	case code >= 500:
		return fmt.Errorf("the relay cannot enrol just now (%s)\nThe code may be used up. Run "+
			"this again with it in a minute; where the relay does not know it then, "+
			"make another: kiosk-relay terminal code ID", said)
	case code == http.StatusTooManyRequests:
		return fmt.Errorf("too many kiosks enrol just now (%s)\nThe code was not used: run "+
			"this again with it in a moment", said)
	default:
		return fmt.Errorf("the relay answers %s: is relay.url right?\nIt took no code", said)
	}
}

func read(text []byte) (answer, error) {
	var got struct {
		ID       string `json:"id"`
		Token    string `json:"token"`
		HookURL  string `json:"hook_url"`
		Merchant string `json:"merchant"`
	}
	err := json.Unmarshal(text, &got)
	token, terr := secret.Typed([]byte(got.Token))
	if err == nil && got.ID != "" && got.HookURL != "" && terr == nil {
		return answer{got.ID, got.HookURL, got.Merchant, token}, nil
	}
	return answer{}, errors.New("the relay's answer is not one to an enrolment: is relay.url " +
		"right? If it is, the code is used up; make another: kiosk-relay terminal code ID")
}

// plausibleCode is whether the relay could have made the code; hyphens, spaces and capitals make no
// difference.
func plausibleCode(code string) bool {
	b, err := hex.DecodeString(strings.NewReplacer("-", "", " ", "").Replace(code))
	return err == nil && len(b) == 16
}

// socketURL is the relay's address as the configuration has it, and enrolBase as it is asked over
// HTTP. People say both.
func socketURL(s string) string { return swap(s, "http", "ws") }

func enrolBase(s string) string { return strings.TrimSuffix(swap(s, "ws", "http"), "/") }

func swap(s, from, to string) string {
	for _, tail := range []string{"s://", "://"} {
		if rest, ok := strings.CutPrefix(s, from+tail); ok {
			return to + tail + rest
		}
	}
	return s
}
