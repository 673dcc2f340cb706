package singapay

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"kiosk-agent/internal/secret"
)

// Gateway creates links and codes, asks about them and opens notifications with one credential of
// one account. See the package comment.
type Gateway struct {
	cfg      Config // without the secrets
	signKey  key
	openKeys []key // in the order of trying
	tokens   *tokens
	seen     *memory
	client   *http.Client // for questions
	// for what must not be sent twice: every request has a connection of its own
	fresh *http.Client
}

// key gives a secret. It is a function because fmt looks through the unexported fields of any
// struct that somebody prints; it cannot look into a function.
type key func() secret.Value

func newKey(v secret.Value) key { return func() secret.Value { return v } }

// New checks cfg and returns a Gateway. The error joins one ConfigError for each fault.
func New(cfg Config) (*Gateway, error) {
	cfg.Methods = slices.Clone(cfg.Methods)
	if err := cfg.check(); err != nil {
		return nil, err
	}
	g := &Gateway{
		signKey: newKey(cfg.ClientSecret), openKeys: []key{newKey(cfg.ClientSecret)},
		tokens: newTokens(), seen: newMemory(), client: newClient(true), fresh: newClient(false),
	}
	if !cfg.PreviousSecret.IsZero() && !cfg.PreviousSecret.Matches(cfg.ClientSecret.Reveal()) {
		g.openKeys = append(g.openKeys, newKey(cfg.PreviousSecret))
	}
	cfg.ClientSecret, cfg.PreviousSecret = secret.Value{}, secret.Value{}
	g.cfg = cfg
	return g, nil
}

// Endpoint names what Query asks: a short digest of host, account and client, which changes with
// any of them and tells none. What one endpoint has proved says nothing of another.
func (g *Gateway) Endpoint() string {
	h := sha256.New()
	for _, part := range []string{"singapay", g.cfg.BaseURL, g.cfg.AccountID, g.cfg.ClientID} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// The prefixes of Minted.ProviderRef. They keep a link's id apart from the reference of an attempt,
// which takes its place in a payment once that is paid.
const (
	linkPrefix = "link:"
	qrPrefix   = "qris:"
)

// providerID takes the id out of a ProviderRef.
func providerID(ref, prefix string) (id string, ok bool) {
	id, ok = strings.CutPrefix(ref, prefix)
	return id, ok && isName(id)
}

// The methods below print what a Gateway is and nothing of what it holds.

func (Gateway) Format(s fmt.State, _ rune) { fmt.Fprint(s, "singapay.Gateway") }
func (Gateway) LogValue() slog.Value       { return slog.StringValue("singapay.Gateway") }
