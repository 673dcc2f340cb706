package axs

import (
	"fmt"
	"log/slog"
	"slices"

	"kiosk-agent/internal/secret"
)

// Gateway mints links and opens notifications with one application's credentials. See the package comment.
type Gateway struct {
	cfg  Config // without the secrets
	keys *keys
	// unseal decrypts; a field so that a test can count what reaches the key derivation.
	unseal func(token string, key secret.Value) ([]byte, error)
}

// keys stands behind a pointer: fmt prints a nested pointer as an address, whatever the struct around it.
type keys struct {
	mint secret.Value
	open []secret.Value // in the order of trying
}

// New checks cfg and returns a Gateway. The error joins one ConfigError for each fault.
func New(cfg Config) (*Gateway, error) {
	cfg.Schemes = slices.Clone(cfg.Schemes)
	if err := cfg.check(); err != nil {
		return nil, err
	}
	k := &keys{mint: cfg.Secret, open: []secret.Value{cfg.Secret}}
	if !cfg.PreviousSecret.IsZero() && !cfg.PreviousSecret.Matches(cfg.Secret.Reveal()) {
		k.open = append(k.open, cfg.PreviousSecret)
	}
	cfg.Secret, cfg.PreviousSecret = secret.Value{}, secret.Value{}
	return &Gateway{cfg: cfg, keys: k, unseal: unseal}, nil
}

// The methods below print what a Gateway is and nothing of what it holds.

func (Gateway) Format(s fmt.State, _ rune) { fmt.Fprint(s, "axs.Gateway") }
func (Gateway) LogValue() slog.Value       { return slog.StringValue("axs.Gateway") }
