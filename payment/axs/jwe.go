package axs

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"kiosk-agent/internal/secret"
	"kiosk-agent/internal/strictjson"
)

const (
	algorithm  = jose.PBES2_HS512_A256KW
	encryption = jose.A256GCM

	maxToken  = 8 << 10 // characters; a notification has about 700
	maxHeader = 1 << 10 // bytes, decoded
	saltBytes = 16      // of ours
	keyBytes  = 32      // of A256KW
	minSalt   = 8       // bytes, of theirs (RFC 7518, 4.8.1.1)
)

// derived is a key made of the secret and a salt of its own. It is good for one token.
type derived struct {
	salt string // base64url: the header's p2s
	key  []byte
}

// derive is the costly part of sealing: 0.4 ms of PBKDF2 (RFC 7518, 4.8.1), which needs nothing of
// what is sealed. The count is AXS's; go-jose's own is 600 000, which other libraries refuse.
func derive(key secret.Value) (derived, error) {
	salt := make([]byte, saltBytes)
	if _, err := rand.Read(salt); err != nil {
		return derived{}, err
	}
	made, err := pbkdf2.Key(sha512.New, string(key.Reveal()),
		slices.Concat([]byte(algorithm), []byte{0}, salt), P2C, keyBytes)
	return derived{base64.RawURLEncoding.EncodeToString(salt), made}, err
}

// seal encrypts as AXS wants it.
func seal(plaintext []byte, key secret.Value, clientID string) (string, error) {
	d, err := derive(key)
	if err != nil {
		return "", err
	}
	return d.seal(plaintext, clientID)
}

// seal makes the one token of a derived key: alg, enc, kid, p2c and p2s in the protected header and
// nothing else. The derived key wraps the content's key as A256KW does, so go-jose is told that;
// the header says whose key that is, and from what it is derived.
func (d derived) seal(plaintext []byte, clientID string) (string, error) {
	var header jose.EncrypterOptions
	header.WithHeader("alg", algorithm).WithHeader("p2c", P2C).WithHeader("p2s", d.salt)
	enc, err := jose.NewEncrypter(encryption,
		jose.Recipient{Algorithm: jose.A256KW, Key: d.key, KeyID: clientID}, &header)
	if err != nil {
		return "", err
	}
	obj, err := enc.Encrypt(plaintext)
	if err != nil {
		return "", err
	}
	return obj.CompactSerialize()
}

// unseal decrypts a token that checkToken has accepted. This is the costly step: 0.4 ms of PBKDF2
// at 1000 iterations.
func unseal(token string, key secret.Value) ([]byte, error) {
	obj, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{algorithm},
		[]jose.ContentEncryption{encryption})
	if err != nil {
		return nil, err
	}
	return obj.Decrypt(key.Reveal())
}

// open checks the token, then decrypts it with each configured secret in turn.
func (g *Gateway) open(token string) ([]byte, *OpenError) {
	if refused := checkToken(token, g.cfg.ClientID, g.cfg.MaxP2C, g.cfg.KeyIDs...); refused != nil {
		return nil, refused
	}
	return g.decrypt(token)
}

// ours names the kid of a token that is refused for that alone, where our secret opens it: then AXS
// has sealed it for us, and what it calls us is a setting. A stranger's kid is never shown, and no
// key is derived for a delivery that has one: that is for answers, and for Describe.
func (g *Gateway) ours(token string, refused *OpenError) *OpenError {
	if refused.Reason != ReasonKeyID {
		return refused
	}
	if _, shut := g.decrypt(token); shut == nil {
		return &OpenError{ReasonKeyID, kidInWords(headerOf(token)["kid"]) + " (axs.key_ids)"}
	}
	return refused
}

// headerOf is a token's protected header; nil where it is none.
func headerOf(token string) map[string]json.RawMessage {
	part, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || len(raw) > maxHeader {
		return nil
	}
	h, _ := strictjson.Object(raw, maxDepth)
	return h
}

// decrypt tries each secret on a token that has been checked.
func (g *Gateway) decrypt(token string) ([]byte, *OpenError) {
	for _, key := range g.openKeys {
		if plaintext, err := g.unseal(token, key()); err == nil {
			return plaintext, nil
		}
	}
	return nil, refuse(ReasonKey)
}

// checkToken looks at everything that can be known without the secret, at the price of a base64 and
// a small JSON decoding.
func checkToken(token, clientID string, maxP2C int, more ...string) *OpenError {
	if len(token) > maxToken {
		return &OpenError{ReasonTooLong, longToken}
	}
	return checkParts(token, clientID, maxP2C, more...)
}

// checkParts is checkToken for a token whose length is bounded already.
func checkParts(token, clientID string, maxP2C int, more ...string) *OpenError {
	parts := strings.Split(token, ".")
	if len(parts) != 5 {
		return refuse(ReasonMalformed)
	}
	// Strict: no unused bits, so that no two texts are one token. go-jose, which reads again, would
	// let them pass.
	var raw [5][]byte
	for i, part := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || strings.ContainsAny(part, "\r\n") {
			return refuse(ReasonMalformed)
		}
		raw[i] = b
	}
	if refused := checkHeader(raw[0], clientID, maxP2C, more); refused != nil {
		return refused
	}
	// A wrapped 256-bit key, a 96-bit nonce, at least one byte, a 128-bit tag.
	if len(raw[1]) != 40 || len(raw[2]) != 12 || len(raw[3]) == 0 || len(raw[4]) != 16 {
		return refuse(ReasonParts)
	}
	return nil
}

// anyClient is the Client ID of a check that leaves open whose token it is. No client has it.
const anyClient = "\x00"

// checkHeader decides about the protected header. more are what the kid may be besides clientID.
// Members that we do not know (typ, cty) are harmless and ignored.
func checkHeader(raw []byte, clientID string, maxP2C int, more []string) *OpenError {
	if len(raw) > maxHeader {
		return &OpenError{ReasonTooLong, "token header"}
	}
	h, err := strictjson.Object(raw, maxDepth)
	if err != nil {
		return refuse(ReasonHeader)
	}
	if alg, ok := text(h["alg"]); !ok || alg != string(algorithm) {
		return refuse(ReasonAlgorithm)
	}
	if enc, ok := text(h["enc"]); !ok || enc != string(encryption) {
		return refuse(ReasonEncryption)
	}
	if _, has := h["zip"]; has {
		return refuse(ReasonCompression)
	}
	if _, has := h["crit"]; has {
		return refuse(ReasonCritical)
	}
	p2s, ok := text(h["p2s"])
	if !ok {
		return refuse(ReasonSalt)
	}
	if salt, err := base64.RawURLEncoding.DecodeString(p2s); err != nil || len(salt) < minSalt {
		return refuse(ReasonSalt)
	}
	if detail := checkP2C(h["p2c"], maxP2C); detail != "" {
		return &OpenError{ReasonIterations, detail}
	}
	if kid, has := h["kid"]; has {
		if id, ok := text(kid); !ok || clientID != anyClient && id != clientID &&
			!slices.Contains(more, id) {
			return &OpenError{ReasonKeyID, "it is not in axs.key_ids"}
		}
	}
	return nil
}

// kidInWords is a kid as it may be shown: no secret, but bounded, and with an id's letters only.
func kidInWords(raw json.RawMessage) string {
	const longest = 64
	kid, _ := text(raw)
	if kid == "" || len(kid) > longest || strings.ContainsFunc(kid, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') &&
			!strings.ContainsRune("._:-", r)
	}) {
		return "kid of another form than an id"
	}
	return "kid " + kid
}

// checkP2C says what is wrong with an iteration count; "" = nothing. Only plain digits count: 1e3
// and 1000.0 are not how any library writes it.
func checkP2C(raw json.RawMessage, most int) string {
	s := string(raw)
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return "p2c is not a whole number"
	}
	if len(s) > 9 {
		return fmt.Sprintf("p2c over axs.max_p2c %d", most)
	}
	n, err := strconv.Atoi(s)
	switch {
	case err != nil:
		return "p2c is not a whole number"
	case n < P2C:
		return fmt.Sprintf("p2c %d under %d", n, P2C)
	case n > CeilingP2C:
		return fmt.Sprintf("p2c %d over axs.max_p2c %d, and over %d, which that may be at most", n,
			most, CeilingP2C)
	case n > most:
		return fmt.Sprintf("p2c %d over axs.max_p2c %d", n, most)
	}
	return ""
}
