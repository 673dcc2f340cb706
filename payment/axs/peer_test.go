package axs

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

// peer is node with its own jose library (testdata/node/peer.mjs): one process for all tests, which
// ends when this one does, because its input ends then.
type peer struct {
	mu     sync.Mutex
	in     io.Writer
	out    *bufio.Reader
	cmd    *exec.Cmd
	stderr *bytes.Buffer
	last   int
	broken error
}

var startPeer = sync.OnceValues(func() (*peer, error) {
	p := &peer{cmd: exec.Command("node", "testdata/node/peer.mjs"), stderr: new(bytes.Buffer)}
	p.cmd.Stderr = p.stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in, p.out = in, bufio.NewReader(out)
	return p, p.cmd.Start()
})

type answer struct {
	ID                               int
	Error, Header, Payload, Token    string
	Method, Query, ContentType, Body string // Body is base64
	Forms                            []string
}

// ask sends one request to the peer. Without node or its module the test fails: it never skips.
func ask(t *testing.T, request map[string]any) answer {
	t.Helper()
	p, err := startPeer()
	if err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		var a answer
		if a, err = p.exchange(request); err == nil {
			if a.Error != "" {
				t.Fatalf("node refuses %v: %s", request["op"], a.Error)
			}
			return a
		}
	}
	t.Fatalf("no interoperability peer: %v\nThe tests need node 20 or newer and its jose "+
		"module: run\n\tnpm ci --prefix payment/axs/testdata/node", err)
	return answer{}
}

func (p *peer) exchange(request map[string]any) (answer, error) {
	if p.broken != nil {
		return answer{}, p.broken
	}
	p.last++
	request["id"] = p.last
	line, err := json.Marshal(request)
	if err != nil {
		return answer{}, err
	}
	var a answer
	_, err = p.in.Write(append(line, '\n'))
	if err == nil {
		line, err = p.out.ReadBytes('\n')
	}
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	if err == nil && a.ID != p.last {
		err = fmt.Errorf("answer %d to request %d", a.ID, p.last)
	}
	if err != nil {
		p.broken = fmt.Errorf("node: %w, %v: %.800s", err, p.cmd.Wait(), p.stderr.String())
	}
	return a, p.broken
}

// TestNodeOpensOurLink compares everything that travels: the whole header and the whole payload.
func TestNodeOpensOurLink(t *testing.T) {
	for _, as := range []string{AmountString, AmountNumber} {
		g := newGateway(t, func(c *Config) {
			c.AmountAs, c.TerminalID, c.WebhookURL = as, "K001", "https://relay.example/hook/AbC-_1"
			c.SuccessURL, c.FailURL, c.CancelURL = "https://shop.example/ok?a=1&b=<2>",
				"https://shop.example/fail", "https://shop.example/cancel"
			c.Schemes = []string{"credit_card", "paynow", "alipay", "wechatpay"}
		})
		a := ask(t, map[string]any{"op": "open", "secret": canary,
			"token": tokenOf(t, mint(t, g, request()))})
		var header, payload map[string]any
		for text, into := range map[string]*map[string]any{a.Header: &header, a.Payload: &payload} {
			if err := json.Unmarshal([]byte(text), into); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		salt, _ := header["p2s"].(string)
		if raw, err := base64.RawURLEncoding.DecodeString(salt); err != nil || len(raw) != 16 {
			t.Errorf("p2s %q is not 16 bytes: %v", salt, err)
		}
		wantHeader := map[string]any{"alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "p2c": 1000.0,
			"p2s": salt, "kid": clientID}
		if d := cmp.Diff(wantHeader, header); d != "" {
			t.Errorf("header: %s", d)
		}
		amount := any("1023")
		if as == AmountNumber {
			amount = 1023.0
		}
		wantPayload := map[string]any{
			"clientId": clientID, "amount": amount, "currency": "SGD",
			"merchantRef": request().MerchantRef, "expiry": 210.0,
			"scheme": "credit_card,paynow,alipay,wechatpay", "terminalId": "K001",
			"webhookUrl": "https://relay.example/hook/AbC-_1",
			"successUrl": "https://shop.example/ok?a=1&b=<2>",
			"failUrl":    "https://shop.example/fail", "cancelUrl": "https://shop.example/cancel",
		}
		if d := cmp.Diff(wantPayload, payload); d != "" {
			t.Errorf("payload: %s", d)
		}
	}
}

// TestNodeSends: node mints a notification, puts it into each form with its own encoders, and Open
// reads the sample from it.
func TestNodeSends(t *testing.T) {
	g := newGateway(t)
	forms := ask(t, map[string]any{"op": "carry", "form": ""}).Forms
	if len(forms) < 15 {
		t.Fatalf("node knows %d forms only: %v", len(forms), forms)
	}
	for _, form := range forms {
		t.Run(form, func(t *testing.T) {
			token := ask(t, map[string]any{"op": "mint", "secret": canary, "payload": sample,
				"kid": clientID}).Token
			a := ask(t, map[string]any{"op": "carry", "form": form, "token": token})
			body, err := base64.StdEncoding.DecodeString(a.Body)
			if err != nil {
				t.Fatal(err)
			}
			got, err := g.Open(payment.Envelope{
				Method: a.Method, Query: a.Query, Body: body, ReceivedAt: time.Now(),
				Headers: map[string][]string{"Content-Type": {a.ContentType}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]payment.Record{sampleRecord}, got); d != "" {
				t.Error(d)
			}
			if _, err := g.Open(payment.Envelope{Method: a.Method,
				Query: strings.Replace(a.Query, token[:40], "", 1),
				Body:  bytes.Replace(body, []byte(token[:40]), nil, 1)}); err == nil {
				t.Error("half a token opened")
			}
		})
	}
}

// TestNodeVariants: what another library may write differently, and what it must not.
func TestNodeVariants(t *testing.T) {
	unicode := strings.Repeat("sécret-秘密-", 3)
	for _, tc := range []struct {
		name    string
		request map[string]any
		want    Reason // "" = opens
		config  func(*Config)
	}{
		{"no kid", map[string]any{}, "", nil},
		{"kid of another", map[string]any{"kid": "another"}, ReasonKeyID, nil},
		{"salt made of a UUID's text",
			map[string]any{"p2s": "550e8400-e29b-41d4-a716-446655440000"}, "", nil},
		{"salt of 8 bytes", map[string]any{"p2s": "AAECAwQFBgc"}, "", nil},
		{"jose's own default count", map[string]any{"p2c": 2048}, ReasonIterations, nil},
		{"that count within a raised bound", map[string]any{"p2c": 2048}, "",
			func(c *Config) { c.MaxP2C = 2048 }},
		{"another secret", map[string]any{"secret": oldCanary}, ReasonKey, nil},
		{"previous secret", map[string]any{"secret": oldCanary}, "",
			func(c *Config) { c.PreviousSecret = secret.New([]byte(oldCanary)) }},
		{"secret that is not ASCII", map[string]any{"secret": unicode}, "",
			func(c *Config) { c.Secret = secret.New([]byte(unicode)) }},
		{"PBES2-HS256", map[string]any{"alg": "PBES2-HS256+A128KW"}, ReasonAlgorithm, nil},
		{"A256KW", map[string]any{"alg": "A256KW"}, ReasonAlgorithm, nil},
		{"dir", map[string]any{"alg": "dir"}, ReasonNoToken, nil},
		{"A128GCM", map[string]any{"enc": "A128GCM"}, ReasonEncryption, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			request := map[string]any{"op": "mint", "secret": canary, "payload": sample}
			for k, v := range tc.request {
				request[k] = v
			}
			token := ask(t, request).Token
			g := newGateway(t)
			if tc.config != nil {
				g = newGateway(t, tc.config)
			}
			got, err := g.Open(byQuery(token))
			if tc.want != "" {
				wantReason(t, err, tc.want)
				return
			}
			if err != nil || !slices.Equal(got, []payment.Record{sampleRecord}) {
				t.Errorf("Open = %v, %v", got, err)
			}
		})
	}
}

// TestNodeOpensTheVector: the vector of docs/protocols/axs.md is the same to both.
func TestNodeOpensTheVector(t *testing.T) {
	if a := ask(t, map[string]any{"op": "open", "secret": vectorSecret,
		"token": vectorToken}); a.Payload != vectorPayload {
		t.Errorf("node reads %s", a.Payload)
	}
}
