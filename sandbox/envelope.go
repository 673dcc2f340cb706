package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"kiosk-agent/internal/secret"
	"kiosk-agent/internal/strictjson"
)

// The envelope of docs/protocols/axs.md, both directions.
const (
	envAlg = jose.PBES2_HS512_A256KW
	envEnc = jose.A256GCM
	envP2C = 1000

	maxDepth  = 16      // nesting of JSON; all that is defined has depth 1
	maxToken  = 8 << 10 // longest token accepted, bytes; a link with all fields is under 1 KiB
	maxSalts  = 1 << 17 // salts remembered before they are all forgotten
	minSalt   = 8       // shortest p2s, decoded bytes
	maxSalt   = 64      // longest: a UUID as text has 36
	freshSalt = 16      // what we send
)

// seal describes one token to be made; the zero values of alg, enc and p2c mean what the document
// demands.
type seal struct {
	secret []byte
	kid    string // "" = no kid
	alg    jose.KeyAlgorithm
	enc    jose.ContentEncryption
	p2c    int
}

// token encrypts plaintext. Each call makes an Encrypter of its own: a shared one would reuse its
// salt.
func (o seal) token(random io.Reader, plaintext []byte) (string, error) {
	salt := make([]byte, freshSalt)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("salt: %w", err)
	}
	if o.alg == "" {
		o.alg = envAlg
	}
	if o.enc == "" {
		o.enc = envEnc
	}
	if o.p2c == 0 {
		o.p2c = envP2C
	}
	enc, err := jose.NewEncrypter(o.enc, jose.Recipient{
		Algorithm: o.alg, Key: o.secret, KeyID: o.kid, PBES2Count: o.p2c, PBES2Salt: salt,
	}, nil)
	if err != nil {
		return "", err
	}
	obj, err := enc.Encrypt(plaintext)
	if err != nil {
		return "", err
	}
	return obj.CompactSerialize()
}

// opened is a token that decrypted.
type opened struct {
	plaintext []byte
	salt      string
	hash      [32]byte
}

// openToken checks the header strictly and decrypts. Problems name "token" or "token header".
func openToken(token, clientID string, key secret.Value) (opened, []problem) {
	if token == "" {
		return opened{}, []problem{{"data", "is missing or empty"}}
	}
	if len(token) > maxToken {
		return opened{}, []problem{{"token", fmt.Sprintf("is longer than %d bytes", maxToken)}}
	}
	parts := strings.Split(token, ".")
	if len(parts) != 5 {
		return opened{}, []problem{{"token",
			fmt.Sprintf("has %d parts separated by dots; a compact JWE has 5", len(parts))}}
	}
	for i, part := range parts {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil || part == "" {
			return opened{}, []problem{{"token",
				fmt.Sprintf("part %d is empty or not base64url without padding", i+1)}}
		}
	}
	header, _ := base64.RawURLEncoding.DecodeString(parts[0])
	salt, problems := checkHeader(header, clientID)
	if len(problems) > 0 {
		return opened{}, problems
	}
	obj, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{envAlg},
		[]jose.ContentEncryption{envEnc})
	if err != nil {
		return opened{}, []problem{{"token", "is not a well-formed compact JWE"}}
	}
	plain, err := obj.Decrypt(key.Reveal())
	if err != nil {
		return opened{}, []problem{{"token", "does not open with this merchant's secret " +
			"(another secret, a decoded secret, or a changed token)"}}
	}
	return opened{plaintext: plain, salt: string(salt), hash: sha256.Sum256([]byte(token))}, nil
}

// checkHeader checks the protected header before any key is derived.
func checkHeader(raw []byte, clientID string) (salt []byte, problems []problem) {
	fields, err := strictjson.Object(raw, maxDepth)
	if err != nil {
		return nil, []problem{{"token header", err.Error()}}
	}
	bad := func(name, text string) {
		problems = append(problems,
			problem{"token header " + name, text})
	}
	want := func(name, value string) {
		if got, ok := stringField(fields, name); !ok || got != value {
			bad(name, fmt.Sprintf("must be %q", value))
		}
	}
	want("alg", string(envAlg))
	want("enc", string(envEnc))
	want("kid", clientID)
	if string(fields["p2c"]) != "1000" {
		bad("p2c", "must be exactly 1000")
	}
	p2s, _ := stringField(fields, "p2s")
	salt, err = base64.RawURLEncoding.Strict().DecodeString(p2s)
	if err != nil || len(salt) < minSalt || len(salt) > maxSalt {
		bad("p2s", fmt.Sprintf("must be %d to %d bytes as base64url without padding", minSalt,
			maxSalt))
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch name {
		case "alg", "enc", "kid", "p2c", "p2s":
		default:
			bad(fmt.Sprintf("%.40q", name),
				"must not be there: the header holds alg, enc, p2s, p2c and kid only")
		}
	}
	return salt, problems
}

// freshlySalted reports whether no other token brought this salt before. The caller holds s.mu.
func (s *Server) freshlySalted(o opened) bool {
	if hash, seen := s.salts[o.salt]; seen {
		return hash == o.hash
	}
	if len(s.salts) >= maxSalts {
		clear(s.salts)
	}
	s.salts[o.salt] = o.hash
	return true
}

// stringField reads a JSON string; ok is false when it is absent or of another type.
func stringField(fields map[string]json.RawMessage, name string) (string, bool) {
	raw := fields[name]
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var v string
	return v, json.Unmarshal(raw, &v) == nil
}
