package relayd

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/relay"
)

// TestTLS goes the whole way over TLS: stream, hook and canary; a certificate that nobody vouches
// for is refused.
func TestTLS(t *testing.T) {
	lender := httptest.NewTLSServer(http.NotFoundHandler()) // its certificate is for 127.0.0.1
	defer lender.Close()
	pool := x509.NewCertPool()
	pool.AddCert(lender.Certificate())
	r := startRelay(t, t.TempDir(), func(c *Config) {
		c.TLS = &tls.Config{Certificates: lender.TLS.Certificates, MinVersion: tls.VersionTLS12}
	})
	if !strings.HasPrefix(r.PublicURL(), "https://") {
		t.Errorf("public URL %s", r.PublicURL())
	}
	c := r.add("K001")
	a := startAgent(t, r, c, newMemory("j"), func(cfg *relay.Config) {
		cfg.TLS, cfg.CanaryEvery = &tls.Config{RootCAs: pool}, time.Hour
	})
	a.want("mark")
	await[relay.CanaryReturned](a, nil)

	stranger := startAgent(t, r, Credentials{Token: secret.New([]byte("x"))}, newMemory("j"), nil)
	await(stranger, func(e relay.Disconnected) bool {
		return strings.Contains(e.Err.Error(), "certificate")
	})
}
