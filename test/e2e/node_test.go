package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/demo"
)

// node is the JOSE peer of payment/axs: node with its own jose library. One process serves all
// tests; it ends with this one.
type node struct {
	mu     sync.Mutex
	in     io.Writer
	out    *bufio.Reader
	stderr *bytes.Buffer
	last   int
}

const peerScript = "../../payment/axs/testdata/node/peer.mjs"

var startNode = sync.OnceValues(func() (*node, error) {
	cmd := exec.Command("node", peerScript)
	n := &node{stderr: new(bytes.Buffer)}
	cmd.Stderr = n.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	n.in, n.out = in, bufio.NewReader(out)
	return n, cmd.Start()
})

type nodeAnswer struct {
	ID                               int
	Error, Header, Payload, Token    string
	Method, Query, ContentType, Body string // Body is base64
	Forms                            []string
}

// askNode sends one request to the peer; peer.mjs documents them.
func askNode(t testing.TB, request object) nodeAnswer {
	t.Helper()
	n, err := startNode()
	var a nodeAnswer
	if err == nil {
		a, err = n.exchange(request)
	}
	if err == nil && a.Error != "" {
		t.Fatalf("node refuses %v: %s", request["op"], a.Error)
	}
	if err != nil {
		t.Fatalf("no JOSE peer: %v\nThe tests need node and its jose module: npm ci --prefix "+
			"payment/axs/testdata/node", err)
	}
	return a
}

func (n *node) exchange(request object) (a nodeAnswer, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last++
	request["id"] = n.last
	line, err := json.Marshal(request)
	if err == nil {
		_, err = n.in.Write(append(line, '\n'))
	}
	if err == nil {
		line, err = n.out.ReadBytes('\n')
	}
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	if err == nil && a.ID != n.last {
		err = fmt.Errorf("answer %d to request %d", a.ID, n.last)
	}
	if err != nil {
		err = fmt.Errorf("%w: %.800s", err, n.stderr.String())
	}
	return a, err
}

// statement is what the gateway says about a payment, as docs/protocols/axs.md writes it. Changes
// replace members; nil removes one.
func statement(p device.Payment, changes object) string {
	claims := object{
		"amount": fmt.Sprintf("%d.%02d", p.Amount/100, p.Amount%100), "currency": "SGD",
		"transactionRef": "1428191406936641536", "merchantRef": p.MerchantRef,
		"status": "SUCCESS", "responseCode": "00", "paymentScheme": "VISA",
		"paymentDateTime": "2026-11-16T01:22:46.010508Z",
	}
	for k, v := range changes {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// mintByNode makes a token with node's jose; changes replace what the peer is asked for.
func (s *stage) mintByNode(payload string, changes object) string {
	s.t.Helper()
	return mintByNode(s.t, s.axsSecret(), demo.ClientID, payload, changes)
}

func mintByNode(t testing.TB, secret, clientID, payload string, changes object) string {
	t.Helper()
	request := object{"op": "mint", "secret": secret, "payload": payload, "kid": clientID}
	for k, v := range changes {
		request[k] = v
	}
	return askNode(t, request).Token
}

// hook posts a token to the relay in one of the peer's forms; the relay must take it.
func (s *stage) hook(form, token string) {
	s.t.Helper()
	a := askNode(s.t, object{"op": "carry", "form": form, "token": token})
	body, err := base64.StdEncoding.DecodeString(a.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	target := s.hookURL()
	if a.Query != "" {
		target += "?" + a.Query
	}
	req, err := http.NewRequestWithContext(soon(s.t), a.Method, target, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if a.ContentType != "" {
		req.Header.Set("Content-Type", a.ContentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK ||
		string(text) != "OK" {
		s.t.Fatalf("the relay answers %s %q, %v", resp.Status, text, err)
	}
}

// checkLink opens a link with node's jose: what travels is exactly what docs/protocols/axs.md says,
// header and payload.
func checkLink(t testing.TB, s *stage, p device.Payment, link string) {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	if want := s.h.SandboxURL + "/hpp/checkout/" + demo.LinkID; u.Scheme+"://"+u.Host+
		u.Path != want || len(u.Query()) != 1 {
		t.Errorf("the link is %s, want %s?data=…", link, want)
	}
	a := askNode(t, object{"op": "open", "secret": s.axsSecret(), "token": u.Query().Get("data")})
	var header, payload object
	for text, into := range map[string]*object{a.Header: &header, a.Payload: &payload} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	salt, _ := header["p2s"].(string)
	if raw, err := base64.RawURLEncoding.DecodeString(salt); err != nil || len(raw) != 16 {
		t.Errorf("p2s %q is not 16 bytes: %v", salt, err)
	}
	wantHeader := object{"alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "p2c": 1000.0, "p2s": salt,
		"kid": demo.ClientID}
	if d := cmp.Diff(wantHeader, header); d != "" {
		t.Errorf("header: %s", d)
	}
	wantPayload := object{
		"clientId": demo.ClientID, "amount": fmt.Sprint(p.Amount), "currency": "SGD",
		"merchantRef": p.MerchantRef, "terminalId": demo.Terminal, "webhookUrl": s.hookURL(),
		"expiry": 210.0,
	}
	if d := cmp.Diff(wantPayload, payload); d != "" {
		t.Errorf("payload: %s", d)
	}
	if !strings.HasPrefix(p.MerchantRef, s.h.Tag+"-") || len(p.MerchantRef) != 35 {
		t.Errorf("merchantRef %q", p.MerchantRef)
	}
}
