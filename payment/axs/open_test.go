package axs

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

// The test vector of docs/protocols/axs.md, which decrypts in two other libraries.
const (
	vectorSecret  = "example-client-secret"
	vectorPayload = `{"clientId":"example-client-id","amount":1023,"currency":"SGD",` +
		`"merchantRef":"Ref123-abc"}`
	vectorToken = "eyJhbGciOiJQQkVTMi1IUzUxMitBMjU2S1ciLCJlbmMiOiJBMjU2R0NNIiwicDJzIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EdyIsInAyYyI6MTAwMCwia2lkIjoiZXhhbXBsZS1jbGllbnQtaWQifQ.jv--AZELkeUl0kUnNEOVAlW94PZIkmnnFKMZrl1foj7cdTTe0Deq1w.AAECAwQFBgcICQoL.PCC1d6yArG_EJbWxk4wADO6m61HdGDMVXQmRqHQNIp4jccOT2q9muk6VT9-7qwpbmysS6DS12vgFtXleXMHZzJ1ZtBm7sEgVTjHMTNWtXI1eu_tRWwIxC9-A.9AT2_rxDRYxwikDfOqkKVw"
)

func TestVector(t *testing.T) {
	g := newGateway(t, func(c *Config) { c.Secret = secret.New([]byte(vectorSecret)) })
	plaintext, refused := g.open(vectorToken)
	if refused != nil || string(plaintext) != vectorPayload {
		t.Fatalf("open = %s, %v", plaintext, refused)
	}
	_, err := g.Open(byQuery(vectorToken))
	wantReason(t, err, ReasonOwnLink) // its payload is a link's, not a notification's
}

// TestWhatCameInstead: a payload that opens and has no status or reference says which members it
// has, and no value.
func TestWhatCameInstead(t *testing.T) {
	for plaintext, want := range map[string]string{
		`{"state":"PAID","merchantRef":"secret-value","amount":"1"}`: "not a verified " +
			"notification: not a notification: no status: it has amount, merchantRef, state",
		`{"status":"PAID","ref":"1"}`: "not a verified notification: not a notification: no " +
			"merchantRef: it has ref, status",
		`{}`: "not a verified notification: not a notification: no status: it has no member",
		`{"4111111111111111":1,"` + strings.Repeat("x", 30) + `":2}`: "not a verified " +
			"notification: not a notification: no status: it has ?, ?",
	} {
		_, err := newGateway(t).Open(byQuery(sealed(t, plaintext)))
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", plaintext, err, want)
		}
	}
}

func wantReason(t *testing.T, err error, want Reason) {
	t.Helper()
	if !errors.Is(err, payment.ErrUnopened) {
		t.Fatalf("error = %v, which is not ErrUnopened", err)
	}
	e, ok := errors.AsType[*OpenError](err)
	if !ok || e.Reason != want {
		t.Fatalf("error = %v, want reason %q", err, want)
	}
}

func TestOpenSample(t *testing.T) {
	got, err := newGateway(t).Open(byQuery(sealed(t, sample)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]payment.Record{sampleRecord}, got); d != "" {
		t.Error(d)
	}
}

// TestOpenRefusesHeaders: the cryptography of each of these is right, so only the header's check
// keeps it out, and nothing of it reaches the key derivation.
func TestOpenRefusesHeaders(t *testing.T) {
	const good = `"alg":"PBES2-HS512+A256KW","enc":"A256GCM","p2s":"AAECAwQFBgcICQoLDA0ODw",` +
		`"p2c":1000,"kid":"example-client-id"`
	salt := []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	swap := func(old, new string) string { return "{" + strings.Replace(good, old, new, 1) + "}" }
	for _, tc := range []struct {
		name, header string
		want         Reason
		maxP2C       int
	}{
		{"good", swap("", ""), "", 0},
		{"without kid", swap(`,"kid":"example-client-id"`, ""), "", 0},
		{"unknown members", swap(`"alg"`, `"typ":"JWT","cty":"json","iat":1,"alg"`), "", 0},
		{"p2c at a raised bound", swap("1000", "5000"), "", 5000},
		{"p2c over a raised bound", swap("1000", "5001"), ReasonIterations, 5000},
		{"p2c 1001", swap("1000", "1001"), ReasonIterations, 0},
		{"p2c 999", swap("1000", "999"), ReasonIterations, 0},
		{"p2c 0", swap("1000", "0"), ReasonIterations, 0},
		{"p2c 1000000", swap("1000", "1000000"), ReasonIterations, 0},
		{"p2c huge", swap("1000", strings.Repeat("9", 300)), ReasonIterations, 0},
		{"p2c wraps around", swap("1000", "18446744073709552616"), ReasonIterations, 0},
		{"p2c negative", swap("1000", "-1000"), ReasonIterations, 0},
		{"p2c float", swap("1000", "1000.0"), ReasonIterations, 0},
		{"p2c exponent", swap("1000", "1e3"), ReasonIterations, 0},
		{"p2c string", swap("1000", `"1000"`), ReasonIterations, 0},
		{"p2c null", swap("1000", "null"), ReasonIterations, 0},
		{"p2c list", swap("1000", "[1000]"), ReasonIterations, 0},
		{"p2c missing", swap(`"p2c":1000,`, ""), ReasonIterations, 0},
		{"p2c twice", swap(`"p2c":1000`, `"p2c":1000,"p2c":1000000`), ReasonHeader, 0},
		{"p2c and P2C", swap(`"p2c":1000`, `"P2C":1000`), ReasonIterations, 0},
		{"p2s of 7 bytes", swap("AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBg"), ReasonSalt, 0},
		{"p2s empty", swap("AAECAwQFBgcICQoLDA0ODw", ""), ReasonSalt, 0},
		{"p2s missing", swap(`"p2s":"AAECAwQFBgcICQoLDA0ODw",`, ""), ReasonSalt, 0},
		{"p2s not base64url", swap("AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0O+/"), ReasonSalt,
			0},
		{"p2s number", swap(`"AAECAwQFBgcICQoLDA0ODw"`, "1"), ReasonSalt, 0},
		{"alg other", swap("PBES2-HS512+A256KW", "PBES2-HS384+A192KW"), ReasonAlgorithm, 0},
		{"alg none", swap("PBES2-HS512+A256KW", "none"), ReasonAlgorithm, 0},
		{"alg in lower case", swap("PBES2-HS512+A256KW", "pbes2-hs512+a256kw"), ReasonAlgorithm, 0},
		{"alg missing", swap(`"alg":"PBES2-HS512+A256KW",`, ""), ReasonAlgorithm, 0},
		{"alg number", swap(`"PBES2-HS512+A256KW"`, "512"), ReasonAlgorithm, 0},
		{"enc other", swap("A256GCM", "A128GCM"), ReasonEncryption, 0},
		{"enc missing", swap(`"enc":"A256GCM",`, ""), ReasonEncryption, 0},
		{"zip", swap(`"alg"`, `"zip":"DEF","alg"`), ReasonCompression, 0},
		{"zip empty", swap(`"alg"`, `"zip":"","alg"`), ReasonCompression, 0},
		{"zip null", swap(`"alg"`, `"zip":null,"alg"`), ReasonCompression, 0},
		{"crit", swap(`"alg"`, `"crit":["exp"],"exp":1,"alg"`), ReasonCritical, 0},
		{"crit empty", swap(`"alg"`, `"crit":[],"alg"`), ReasonCritical, 0},
		{"kid of another", swap("example-client-id", "another-client-id"), ReasonKeyID, 0},
		{"kid empty", swap("example-client-id", ""), ReasonKeyID, 0},
		{"kid number", swap(`"example-client-id"`, "7"), ReasonKeyID, 0},
		{"kid null", swap(`"example-client-id"`, "null"), ReasonKeyID, 0},
		{"header a list", "[" + `{` + good + `}` + "]", ReasonHeader, 0},
		{"header with more behind", "{" + good + "}{}", ReasonHeader, 0},
		{"header cut", "{" + good, ReasonHeader, 0},
		{"header empty", "{}", ReasonAlgorithm, 0},
		{"header not UTF-8", "{" + good + ",\"x\":\"\xff\"}", ReasonHeader, 0},
		{"header too deep", "{" + good + `,"x":` + strings.Repeat("[", 40) +
			strings.Repeat("]", 40) + "}", ReasonHeader, 0},
		{"header too long", "{" + good + `,"x":"` + strings.Repeat("x", maxHeader) + `"}`,
			ReasonTooLong, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			derived := 0
			g := newGateway(t, func(c *Config) {
				c.MaxP2C = tc.maxP2C
				c.PreviousSecret = secret.New([]byte(oldCanary))
			})
			g.unseal = func(token string, key secret.Value) ([]byte, error) {
				derived++
				return unseal(token, key)
			}
			_, err := g.Open(byQuery(craft(t, tc.header, salt, max(P2C, tc.maxP2C), sample)))
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantReason(t, err, tc.want)
			if derived != 0 {
				t.Errorf("%d key derivations were spent on it", derived)
			}
		})
	}
}

// TestOpenRefusesOtherAlgorithms: tokens made by a real library, for which our secret would be the
// right key.
func TestOpenRefusesOtherAlgorithms(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		alg  jose.KeyAlgorithm
		enc  jose.ContentEncryption
		key  any
		want Reason
	}{
		{jose.DIRECT, jose.A256GCM, []byte(canary), ReasonNoToken}, // its second part is empty
		{jose.A256KW, jose.A256GCM, []byte(canary), ReasonAlgorithm},
		{jose.A256GCMKW, jose.A256GCM, []byte(canary), ReasonAlgorithm},
		{jose.RSA_OAEP, jose.A256GCM, &rsaKey.PublicKey, ReasonAlgorithm},
		{jose.PBES2_HS256_A128KW, jose.A256GCM, []byte(canary), ReasonAlgorithm},
		{jose.PBES2_HS384_A192KW, jose.A256GCM, []byte(canary), ReasonAlgorithm},
		{jose.PBES2_HS512_A256KW, jose.A128GCM, []byte(canary), ReasonEncryption},
		{jose.PBES2_HS512_A256KW, jose.A256CBC_HS512, []byte(canary), ReasonEncryption},
	} {
		t.Run(string(tc.alg)+" "+string(tc.enc), func(t *testing.T) {
			enc, err := jose.NewEncrypter(tc.enc,
				jose.Recipient{Algorithm: tc.alg, Key: tc.key, KeyID: clientID, PBES2Count: P2C},
				nil)
			if err != nil {
				t.Fatal(err)
			}
			obj, err := enc.Encrypt([]byte(sample))
			if err != nil {
				t.Fatal(err)
			}
			token, err := obj.CompactSerialize()
			if err != nil {
				t.Fatal(err)
			}
			g := newGateway(t)
			_, err = g.Open(byQuery(token))
			wantReason(t, err, tc.want)
			if refused := checkToken(token, clientID, P2C); refused == nil {
				t.Error("checkToken lets it pass")
			}
		})
	}
}

func TestOpenRefusesAnyChange(t *testing.T) {
	g := newGateway(t)
	token := sealed(t, sample)
	if _, err := g.Open(byQuery(token)); err != nil {
		t.Fatal(err)
	}
	try := func(what, changed string) {
		t.Helper()
		for _, e := range []payment.Envelope{byQuery(changed),
			{Method: "POST", Body: []byte(changed)}} {
			if got, err := g.Open(e); !errors.Is(err, payment.ErrUnopened) {
				t.Fatalf("%s: Open = %v, %v", what, got, err)
			}
		}
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range len(token) {
		flip := func(c byte) string { return token[:i] + string(c) + token[i+1:] }
		try(fmt.Sprintf("byte %d, lowest bit", i), flip(token[i]^1))
		try(fmt.Sprintf("byte %d, highest bit", i), flip(token[i]^0x80))
		try(fmt.Sprintf("byte %d removed", i), token[:i]+token[i+1:])
		if i+1 < len(token) && token[i+1] != '.' {
			continue
		}
		// The last character of a part carries unused bits, in which a lenient decoder sees no
		// difference.
		for _, c := range []byte(alphabet) {
			if c != token[i] {
				try(fmt.Sprintf("byte %d to %c", i, c), flip(c))
			}
		}
	}
	for n := range len(token) {
		try(fmt.Sprintf("cut to %d", n), token[:n])
	}
	try("line break inside", token[:30]+"\n"+token[30:])
	try("padding", token+"=")
	try("a sixth part", token+".AAAA")
}

// TestCheckTokenParts: what is wrong with the parts is seen before any key derivation, also where
// no carriage was looked at.
func TestCheckTokenParts(t *testing.T) {
	token := sealed(t, sample)
	if refused := checkToken(token, clientID, P2C); refused != nil {
		t.Fatal(refused)
	}
	parts := strings.Split(token, ".")
	with := func(i int, part string) string {
		changed := slices.Clone(parts)
		changed[i] = part
		return strings.Join(changed, ".")
	}
	for _, tc := range []struct {
		name, token string
		want        Reason
	}{
		{"empty", "", ReasonMalformed},
		{"four parts", strings.Join(parts[:4], "."), ReasonMalformed},
		{"six parts", token + ".AAAA", ReasonMalformed},
		{"line break", token[:40] + "\n" + token[40:], ReasonMalformed},
		{"carriage return", token + "\r", ReasonMalformed},
		{"not base64url", with(3, "a+b/"), ReasonMalformed},
		{"padding", with(4, parts[4]+"=="), ReasonMalformed},
		{"unused bits", with(2, "AAAAAAAAAAAAAAAB") + "x", ReasonMalformed},
		{"no header", with(0, ""), ReasonHeader},
		{"no key", with(1, ""), ReasonParts},
		{"short key", with(1, parts[1][:32]), ReasonParts},
		{"long key", with(1, parts[1][:52]+"AAAAAAAAAAAA"), ReasonParts},
		{"short nonce", with(2, "AAAAAAAAAAA"), ReasonParts},
		{"long nonce", with(2, "AAAAAAAAAAAAAAAAAAAA"), ReasonParts},
		{"no ciphertext", with(3, ""), ReasonParts},
		{"short tag", with(4, "AAAAAAAAAAA"), ReasonParts},
		{"too long", with(3, strings.Repeat("A", maxToken)), ReasonTooLong},
	} {
		if refused := checkToken(tc.token, clientID, P2C); refused == nil ||
			refused.Reason != tc.want {
			t.Errorf("%s: %v, want %s", tc.name, refused, tc.want)
		}
	}
}

func TestRotation(t *testing.T) {
	old := newGateway(t, func(c *Config) { c.Secret = secret.New([]byte(oldCanary)) })
	during := newGateway(t, func(c *Config) { c.PreviousSecret = secret.New([]byte(oldCanary)) })
	after := newGateway(t)
	byNew := byQuery(sealed(t, sample))
	token, err := seal([]byte(sample), secret.New([]byte(oldCanary)), clientID)
	if err != nil {
		t.Fatal(err)
	}
	byOld := byQuery(token)
	for _, tc := range []struct {
		name  string
		g     *Gateway
		e     payment.Envelope
		opens bool
	}{
		{"before, old", old, byOld, true}, {"before, new", old, byNew, false},
		{"during, old", during, byOld, true}, {"during, new", during, byNew, true},
		{"after, old", after, byOld, false}, {"after, new", after, byNew, true},
	} {
		if _, err := tc.g.Open(tc.e); (err == nil) != tc.opens {
			t.Errorf("%s: %v", tc.name, err)
		} else if err != nil {
			wantReason(t, err, ReasonKey)
		}
	}
	minted := mint(t, during, request())
	if _, refused := after.open(tokenOf(t, minted)); refused != nil {
		t.Errorf("during a rotation links are not minted with the new secret: %v", refused)
	}
	same := newGateway(t, func(c *Config) { c.PreviousSecret = c.Secret })
	if len(same.openKeys) != 1 {
		t.Error("a previous secret that is the present one is tried twice")
	}
}

func TestOwnLinkEchoed(t *testing.T) {
	g := newGateway(t)
	for name, e := range map[string]payment.Envelope{
		"as a notification": byQuery(tokenOf(t, mint(t, g, request()))),
		"the whole link":    {Method: "POST", Body: []byte(mint(t, g, request()))},
	} {
		_, err := g.Open(e)
		want := ReasonOwnLink
		t.Run(name, func(t *testing.T) { wantReason(t, err, want) })
	}
}

// TestJunk: what no secret, client id or bound would open is junk, and nothing else is. Of two
// tokens the one that may yet open decides.
func TestJunk(t *testing.T) {
	keep := []Reason{ReasonElsewhere, ReasonIterations, ReasonKeyID, ReasonKey, ReasonPayload,
		ReasonNoStatus, ReasonNoRef, ReasonField, ReasonTwoNames}
	for _, r := range Reasons() {
		got := errors.Is(refuse(r), payment.ErrJunk)
		if got == slices.Contains(keep, r) {
			t.Errorf("%q is junk: %t", r, got)
		}
	}
	if errors.Is(&OpenError{ReasonTooLong, longToken}, payment.ErrJunk) {
		t.Error("a token that is too long for this release is junk")
	}
	g := newGateway(t)
	good := sealed(t, sample)
	altered := strings.Replace(good, ".", ".A", 1)
	other := newGateway(t, func(c *Config) { c.Secret = secret.New([]byte(oldCanary)) })
	for name, tc := range map[string]struct {
		g    *Gateway
		e    payment.Envelope
		want Reason
		junk bool
	}{
		"another secret":  {other, byQuery(good), ReasonKey, false},
		"a part too long": {g, byQuery(altered), ReasonParts, true},
		"both": {other, payment.Envelope{Query: "data=" + good + "&jwe=" + altered}, ReasonKey,
			false},
		"both, the other way round": {other,
			payment.Envelope{Query: "data=" + altered + "&jwe=" + good}, ReasonKey, false},
		"nothing": {g, payment.Envelope{Method: "GET"}, ReasonNoToken, true},
	} {
		_, err := tc.g.Open(tc.e)
		wantReason(t, err, tc.want)
		if errors.Is(err, payment.ErrJunk) != tc.junk || Plausible(tc.e) == tc.junk {
			t.Errorf("%s: %v, plausible %t", name, err, Plausible(tc.e))
		}
	}
}

// TestStrangerBuysNoCPU: a flood of the costliest tokens that a stranger can make without the
// secret, counted in derivations.
func TestStrangerBuysNoCPU(t *testing.T) {
	derived := 0
	g := newGateway(t, func(c *Config) { c.PreviousSecret = secret.New([]byte(oldCanary)) })
	g.unseal = func(token string, key secret.Value) ([]byte, error) {
		derived++
		return unseal(token, key)
	}
	header := func(count string) string {
		return base64.RawURLEncoding.EncodeToString(
			[]byte(`{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","p2s":"AAECAwQFBgcICQoLDA0ODw",` +
				`"p2c":` + count + `}`))
	}
	key, nonce, tag := strings.Repeat("A", 54), strings.Repeat("A", 16), strings.Repeat("A", 22)
	body := header("1000000") + "." + key + "." + nonce + ".AAAA." + tag
	_, err := g.Open(byQuery(body))
	wantReason(t, err, ReasonIterations)
	if derived != 0 {
		t.Fatalf("%d derivations at 1 000 000 iterations", derived)
	}
	var form []string
	for i := range 50 {
		form = append(form, fmt.Sprintf("data=%s.%s.%s.AA%02d.%s", header("1000"), key, nonce, i,
			tag))
	}
	if _, err := g.Open(payment.Envelope{Method: "POST", Query: strings.Join(form, "&"),
		Body: []byte(strings.Join(form, "&"))}); err == nil {
		t.Fatal("opened")
	}
	if most := maxTokens * 2; derived > most {
		t.Errorf("one delivery cost %d derivations, more than %d", derived, most)
	}
	derived = 0
	strays := strings.ReplaceAll(strings.Join(form, "&"), "data=", "stray=")
	if _, err := g.Open(payment.Envelope{Method: "POST", Query: strays, Body: []byte(strays),
		Headers: map[string][]string{"X-A": form, "X-B": form}}); err == nil {
		t.Fatal("opened")
	}
	if most := maxTokens * 2; derived == 0 || derived > most {
		t.Errorf("strays cost %d derivations, not 1 to %d", derived, most)
	}
}
