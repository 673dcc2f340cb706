package axs

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	josecipher "github.com/go-jose/go-jose/v4/cipher"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

var _ engine.Gateway = (*Gateway)(nil)

const (
	// Both secrets are 32 bytes, so that they would also do as keys of the algorithms that are
	// refused.
	canary    = "canary-secret-f00d-never-printed"
	oldCanary = "canary-secret-0ld1-never-printed"
	clientID  = "example-client-id"
	pageLink  = "https://checkout.svc.uat.pay.axs.com.sg/hpp/checkout/lnk-123"

	// sample is AXS's own example of a notification.
	sample = `{"amount":"10.23","currency":"SGD","transactionRef":"1428191406936641536",` +
		`"merchantRef":"Ref123","status":"SUCCESS","responseCode":"00",` +
		`"paymentScheme":"VISA","paymentDateTime":"2026-01-16T01:22:46.010508Z"}`
)

var sampleRecord = payment.Record{
	MerchantRef: "Ref123", TransactionRef: "1428191406936641536", Type: payment.TypePay,
	Status: payment.RecordSuccess, ResponseCode: "00", Amount: 1023, Currency: "SGD",
	Scheme: "VISA", PaidAt: time.Date(2026, 1, 16, 1, 22, 46, 10508000, time.UTC),
}

func testConfig() Config {
	return Config{PaymentLink: pageLink, ClientID: clientID, Secret: secret.New([]byte(canary)),
		SendExpiry: true}
}

func newGateway(t testing.TB, change ...func(*Config)) *Gateway {
	t.Helper()
	cfg := testConfig()
	for _, f := range change {
		f(&cfg)
	}
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// sealed is a notification as AXS would send it.
func sealed(t testing.TB, plaintext string) string {
	t.Helper()
	token, err := seal([]byte(plaintext), secret.New([]byte(canary)), clientID)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// craft makes a token around any protected header, with cryptography that is right for
// PBES2-HS512+A256KW, this salt and this count: whoever looks at the cryptography alone opens it.
func craft(t testing.TB, header string, salt []byte, count int, plaintext string) string {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	b64 := base64.RawURLEncoding.EncodeToString
	kek, err := pbkdf2.Key(sha512.New, canary, append([]byte("PBES2-HS512+A256KW\x00"), salt...),
		count, 32)
	must(err)
	wrap, err := aes.NewCipher(kek)
	must(err)
	cek, nonce := make([]byte, 32), make([]byte, 12)
	wrapped, err := josecipher.KeyWrap(wrap, cek)
	must(err)
	block, err := aes.NewCipher(cek)
	must(err)
	gcm, err := cipher.NewGCM(block)
	must(err)
	out := gcm.Seal(nil, nonce, []byte(plaintext), []byte(b64([]byte(header))))
	text, tag := out[:len(out)-16], out[len(out)-16:]
	return fmt.Sprintf("%s.%s.%s.%s.%s", b64([]byte(header)), b64(wrapped), b64(nonce), b64(text),
		b64(tag))
}

// byQuery delivers a token in the documented way.
func byQuery(token string) payment.Envelope {
	return payment.Envelope{Method: "GET", Query: "data=" + token}
}
