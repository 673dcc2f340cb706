package axs

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"kiosk-agent/internal/secret"
)

// Gateway mints links, asks for codes, opens notifications and asks the transaction query with one
// application's credentials. See the package comment.
type Gateway struct {
	cfg      Config // without the secrets
	mintKey  key
	openKeys []key // in the order of trying
	// unseal decrypts; a field so that a test can count what reaches the key derivation.
	unseal func(token string, key secret.Value) ([]byte, error)
	// holds one: the key of the next link, derived while nobody waited. A channel, for key's
	// reason.
	spare  chan derived
	client *http.Client // of Query
	orders *http.Client // of FetchCode
}

// key gives a secret. It is a function because fmt looks through the unexported fields of any
// struct that somebody prints, past every Format method and, for some verbs, past pointers; it
// cannot look into a function.
type key func() secret.Value

func newKey(v secret.Value) key { return func() secret.Value { return v } }

// New checks cfg and returns a Gateway. The error joins one ConfigError for each fault.
func New(cfg Config) (*Gateway, error) {
	cfg.Schemes, cfg.KeyIDs = slices.Clone(cfg.Schemes), slices.Clone(cfg.KeyIDs)
	if err := cfg.check(); err != nil {
		return nil, err
	}
	g := &Gateway{mintKey: newKey(cfg.Secret), openKeys: []key{newKey(cfg.Secret)}, unseal: unseal,
		spare:  make(chan derived, 1),
		client: newClient(cfg.QueryTimeout, true), orders: newClient(cfg.QueryTimeout, false)}
	if !cfg.PreviousSecret.IsZero() && !cfg.PreviousSecret.Matches(cfg.Secret.Reveal()) {
		g.openKeys = append(g.openKeys, newKey(cfg.PreviousSecret))
	}
	cfg.Secret, cfg.PreviousSecret = secret.Value{}, secret.Value{}
	g.cfg = cfg
	time.AfterFunc(spareAfter, g.deriveSpare)
	return g, nil
}

// The methods below print what a Gateway is and nothing of what it holds.

func (Gateway) Format(s fmt.State, _ rune) { fmt.Fprint(s, "axs.Gateway") }
func (Gateway) LogValue() slog.Value       { return slog.StringValue("axs.Gateway") }
