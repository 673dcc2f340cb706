package e2e_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
	"kiosk-agent/test/programs"
)

// canary is something that must be found nowhere, in any of these spellings.
type canary struct {
	name  string
	forms []string
}

// newCanary spells a secret as it might leak: plain, a good part of it, in hex, and in base64
// wherever it begins in what is encoded.
func newCanary(name, value string) canary {
	c := canary{name, []string{value, url.QueryEscape(value), hex.EncodeToString([]byte(value)),
		strings.ToUpper(hex.EncodeToString([]byte(value)))}}
	for offset := range 3 {
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := enc.EncodeToString(append(make([]byte, offset), value...))
			// without the groups that hold its neighbours
			c.forms = append(c.forms, text[4:len(text)-4])
		}
	}
	return c
}

// partly also looks for the beginning and the end of a secret.
func (c canary) partly() canary {
	value := c.forms[0]
	c.forms = append(c.forms, value[:12], value[len(value)-12:])
	return c
}

func (c canary) in(text string) string {
	for _, form := range c.forms {
		if strings.Contains(text, form) {
			return form
		}
	}
	return ""
}

// nowhere checks texts, by name, for canaries. An empty text proves nothing and fails.
func nowhere(t *testing.T, texts map[string]string, canaries []canary) {
	t.Helper()
	for name, text := range texts {
		if len(text) < 10 {
			t.Errorf("%s is (almost) empty: %q", name, text)
		}
		for _, c := range canaries {
			if form := c.in(text); form != "" {
				at := strings.Index(text, form)
				t.Errorf("%s contains the %s: …%s…", name, c.name,
					text[max(0, at-80):min(len(text), at+len(form)+40)])
			}
		}
	}
}

// TestCanariesAreFound: the net has no holes.
func TestCanariesAreFound(t *testing.T) {
	t.Parallel()
	value := string(secret.Generate().Reveal())
	c := newCanary("secret", value).partly()
	for _, leak := range []string{
		"Bearer " + value, hex.EncodeToString([]byte("x" + value)),
		base64.StdEncoding.EncodeToString([]byte(value)), "key=" + value[:15],
		base64.URLEncoding.EncodeToString([]byte("a" + value + "b")),
		base64.StdEncoding.EncodeToString([]byte("ab" + value)),
	} {
		if c.in(leak) == "" {
			t.Errorf("a leak goes unseen: %s of %s", leak, value)
		}
	}
	if form := newCanary("secret",
		string(secret.Generate().Reveal())).partly().in(value); form != "" {
		t.Errorf("another secret is taken for it: %s", form)
	}
}

// canaries are the secrets of a world.
func (w *world) canaries() []canary {
	w.t.Helper()
	return []canary{
		newCanary("AXS secret", string(w.secret.Reveal())).partly(),
		newCanary("till token", string(w.tillToken.Reveal())).partly(),
		newCanary("display token", string(w.displayToken.Reveal())).partly(),
		newCanary("relay token", readFile(w.t, w.dir, "relay.token")).partly(),
		newCanary("relay's admin token", readFile(w.t, w.dir, "admin.token")).partly(),
		newCanary("hook route", w.hookURL[strings.LastIndexByte(w.hookURL, '/')+1:]),
	}
}

// linkCanaries are the parts of a link's token that are its own.
func linkCanaries(t *testing.T, p device.Payment) (cs []canary) {
	t.Helper()
	u, err := url.Parse(p.QRPayload)
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range strings.Split(u.Query().Get("data"), ".") {
		if i == 0 || i == 2 { // the header says nothing but the salt, and the nonce is short
			part = part[max(0, len(part)-16):]
		}
		cs = append(cs, canary{fmt.Sprintf("part %d of a link's token", i+1), []string{part}})
	}
	return cs
}

// command runs kiosk-agent and returns everything that it prints; its exit code must be the one
// given.
func (w *world) command(code int, args ...string) string {
	w.t.Helper()
	cmd := exec.Command(programs.Path(w.t, "kiosk-agent"), append(args, "--config", w.config())...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		w.t.Errorf("kiosk-agent %v: %v, want exit %d\n%s", args, err, code, out)
	}
	return string(out)
}

// TestNoSecretAnywhere plays sales that go well and sales that do not, and then reads everything
// that anybody can read.
func TestNoSecretAnywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, x := w.opens()
	frames := eavesdrop(t, "ws://"+w.till+"/v1/till", w.tillToken)
	sold := w.play(x)
	texts := w.readAll(sold)
	texts["a till's messages"] = frames.String()
	canaries := w.canaries()
	nowhere(t, texts, canaries)
	delete(texts, "a till's messages") // the owner is told the link, to show it
	var tokens []canary
	for _, p := range sold {
		tokens = append(tokens, linkCanaries(t, p)...)
	}
	nowhere(t, texts, tokens)
	// The first sale may have begun before the second connection was counted.
	if !slices.ContainsFunc(sold, func(p device.Payment) bool {
		return p.QRPayload != "" && strings.Contains(frames.String(), p.QRPayload)
	}) {
		t.Error("the till's messages do not hold the link: this test looks at the wrong thing")
	}
	refusals := w.mistakes()
	nowhere(t, refusals, append(canaries, w.canaries()...))
}

// play makes sales and mistakes of all kinds.
func (w *world) play(x *till) (sold []device.Payment) {
	w.t.Helper()
	take := func(reference string) device.Payment {
		p := x.start(reference, 1234)
		w.until(p.ID, payment.KindShown)
		sold = append(sold, p)
		return p
	}
	pay(w.t, take("GOOD").QRPayload)
	x.acknowledge(x.approved(sold[0].ID))
	p := take("FORGED")
	for _, kind := range []sandbox.FaultKind{sandbox.FaultForged, sandbox.FaultLinkEcho,
		sandbox.FaultGarbage} {
		w.fault(sandbox.Fault{Kind: kind, MerchantRef: p.MerchantRef, Times: 1})
		scan(w.t, p.QRPayload).press("decline", "VISA")
	}
	w.delivered()
	eventually(w.t, "one is parked, and the rest is counted", func() error {
		all := readJournal(w.t, w.dir)
		if n := count(all, payment.KindParked); n != 1 {
			return fmt.Errorf("%d", n)
		}
		return lacks(all, payment.KindJunk)
	})
	x.acknowledge(x.cancelling(p.ID)())
	p = take("MISMATCH")
	w.fault(sandbox.Fault{Kind: sandbox.FaultWrongAmount, MerchantRef: p.MerchantRef})
	pay(w.t, p.QRPayload)
	x.acknowledge(x.outcome(p.ID))
	x.refused(device.CodeAmountInvalid, "amount_invalid", "payment.start",
		object{"reference": "R", "amount": 0})
	x.refused(device.CodeReference, "reference_reused", "payment.start",
		object{"reference": "GOOD", "amount": 1234})
	x.refused(device.CodeInvalidParams, "invalid", "payment.start",
		object{"token": string(w.tillToken.Reveal())})
	wrong := "x" + string(w.tillToken.Reveal())
	handshake(w.test(), "http://"+w.till+"/v1/till", wrong, "", "", "kiosk-till.v1")
	handshake(w.test(), "http://"+w.screen+"/ws", "x"+string(w.displayToken.Reveal()), "", "",
		"kiosk-display.v1")
	w.relay.kill() // canaries fail while it is away
	x.awaitReason("relay_down")
	w.startRelay()
	x.ready()
	return sold
}

func (w *world) fault(f sandbox.Fault) {
	w.t.Helper()
	if _, err := w.sandbox.AddFault(f); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) test() *testing.T { return w.t.(*testing.T) }

// readAll collects what operators, tools and strangers can read.
func (w *world) readAll(sold []device.Payment) map[string]string {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	w.t.Cleanup(client.CloseIdleConnections)
	texts := map[string]string{"the gateway's log": w.otherLog.String()}
	get := func(name, target string) {
		_, texts[name] = fetch(w.t, client, http.MethodGet, target, nil)
	}
	get("the display page", "http://"+w.screen+"/?token="+
		url.QueryEscape(string(w.displayToken.Reveal())))
	get("the display's script", "http://"+w.screen+"/assets/main.js")
	get("the display's style", "http://"+w.screen+"/assets/display.css")
	get("the agent's metrics", "http://"+w.metrics+"/metrics")
	get("the status page", "http://"+w.metrics+"/")
	get("the relay's metrics", "http://"+w.relayAdmin+"/metrics")
	get("an unknown route's answer", strings.Replace(w.hookURL, "/hook/", "/hook/x", 1))
	get("an answer to a wrong display token",
		"http://"+w.screen+"/?token=x"+string(w.displayToken.Reveal()))
	texts["check-config"] = w.command(0, "check-config")
	texts["status"] = w.command(0, "status")
	texts["journal list"] = w.command(0, "journal", "list")
	texts["journal verify"] = w.command(0, "journal", "verify", "--relay")
	texts["journal export, csv"] = w.command(0, "journal", "export", "--format", "csv")
	texts["journal export, jsonl"] = w.command(0, "journal", "export", "--format", "jsonl")
	for _, p := range sold {
		texts["journal show "+p.Reference] = w.command(0, "journal", "show", p.ID)
		for _, name := range []string{"journal list", "journal export, csv",
			"journal export, jsonl"} {
			if !strings.Contains(texts[name], p.ID) {
				w.t.Errorf("%s does not know %s", name, p.ID)
			}
		}
	}
	w.agent.stop()
	texts["the agent's log"], texts["the relay's log"] = w.agentLog.String(), w.relayLog.String()
	return texts
}

// mistakes are the errors of an installer who puts secrets where they do not belong, or the wrong
// ones.
func (w *world) mistakes() map[string]string {
	w.t.Helper()
	good := readText(w.t, w.config())
	axs, token := string(w.secret.Reveal()), readFile(w.t, w.dir, "relay.token")
	texts := make(map[string]string)
	spoil := func(name, old, new string) {
		w.t.Helper()
		if !strings.Contains(good, old) {
			w.t.Fatalf("the configuration has no %s", old)
		}
		w.write("config.toml", strings.Replace(good, old, new, 1))
		texts[name+", check-config"] = w.command(1, "check-config")
		texts[name+", run"] = w.outOfService()
	}
	file := func(name string) string {
		return fmt.Sprintf("%q", "file:"+filepath.Join(w.dir, name))
	}
	spoil("the secret itself", file("axs.secret"), fmt.Sprintf("%q", axs))
	spoil("the token itself", file("relay.token"), fmt.Sprintf("%q", token))
	spoil("the secret without quotes", file("axs.secret"), axs)
	spoil("the secret with one quote", file("axs.secret"), `"`+axs)
	spoil("the secret as a path", file("axs.secret"),
		fmt.Sprintf("%q", "file:"+w.dir+"/none.secret"))
	spoil("the secret as another key's value", `id = "WORLD-1"`,
		`id = "WORLD-1"`+"\nsecret = "+fmt.Sprintf("%q", axs))
	w.write("config.toml", good)
	w.write("axs.secret", axs[:15]+"\n")
	texts["a short secret, check-config"] = w.command(1, "check-config")
	texts["a short secret, run"] = w.outOfService()
	w.write("axs.secret", axs+"\n")
	return texts
}

// TestNoSecretInDebugLogs is the same for programs that log everything they can.
func TestNoSecretInDebugLogs(t *testing.T) {
	t.Parallel()
	s, x := open(t)
	p := x.start("DEBUG", 1234)
	s.until(p.ID, payment.KindShown)
	u, err := url.Parse(p.QRPayload)
	if err != nil {
		t.Fatal(err)
	}
	good := s.mintByNode(statement(p, nil), nil)
	for i, b := range badTokens(s, u.Query().Get("data"), good, statement(p, nil)) {
		s.hook([]string{"query data", "JSON data"}[i%2], b.token)
	}
	s.hook("form jwe", good)
	x.acknowledge(x.approved(p.ID))
	token := string(s.h.TillToken.Reveal())
	handshake(t, strings.Replace(s.h.Agent.TillURL(), "ws://", "http://", 1), "x"+token, "", "",
		"kiosk-till.v1")
	handshake(t, s.h.Agent.DisplayURL()+"ws", token, "", "", "kiosk-display.v1")
	x.refused(device.CodeNotFound, "not_found", "payment.get", object{"reference": token[:40]})
	route := s.hookURL()[strings.LastIndexByte(s.hookURL(), '/')+1:]
	canaries := slices.Concat([]canary{
		newCanary("AXS secret", s.axsSecret()).partly(), newCanary("till token", token).partly(),
		newCanary("hook route", route),
		newCanary("display token", string(s.h.Agent.DisplayToken().Reveal())).partly(),
		newCanary("relay token", readFile(t, s.dir, "relay.token")).partly(),
		{"a webhook's token", []string{strings.Split(good, ".")[3][:20]}},
	}, linkCanaries(t, p))
	nowhere(t, map[string]string{"the log": s.log.String()}, canaries)
	if !strings.Contains(s.log.String(), "level=DEBUG") {
		t.Error("nothing was logged at the level debug")
	}
}
