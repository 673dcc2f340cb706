package bench_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func (k *kiosk) text(name string) string {
	k.t.Helper()
	b, err := os.ReadFile(filepath.Join(k.dir, name))
	if err != nil {
		k.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// frame is a screen as the agent sends it.
type frame struct {
	Type     string          `json:"type"`
	Seq      int64           `json:"seq"`
	Kind     string          `json:"kind"`
	Payment  string          `json:"payment"`
	Revision int64           `json:"revision"`
	N        int64           `json:"n"`
	QR       json.RawMessage `json:"qr"`
}

// display is a screen of a large kiosk that confirms at once. Only frames with a code are kept.
func (k *kiosk) display() *socket {
	k.t.Helper()
	measured := func(m object) object {
		m["box_px"], m["viewport"], m["dpr"], m["touch"] = 984, []int{1080, 1920}, 1, false
		return m
	}
	s := dial(k.t, "ws://"+k.screen+"/ws", "kiosk-display.v1", k.text("display.token"),
		func(s *socket, data []byte) bool {
			var f frame
			if json.Unmarshal(data, &f) != nil {
				return false
			}
			switch f.Type {
			case "beat":
				_ = s.write(object{"type": "alive", "n": f.N}) // gone: the row says so
			case "screen", "snapshot":
				_ = s.write(measured(object{"type": "shown", "seq": f.Seq, "kind": f.Kind,
					"payment": f.Payment, "revision": f.Revision}))
				return len(f.QR) > 0 && !bytes.Equal(f.QR, []byte("null"))
			}
			return false
		})
	s.send(measured(object{"type": "hello"}))
	return s
}

// start begins a sale.
func (k *kiosk) start() (p money, asked, answered time.Time) {
	k.t.Helper()
	k.sold++
	asked, answered = k.till.ask("payment.start", object{"reference": fmt.Sprintf("B-%d", k.sold),
		"amount": 100 + k.sold, "currency": "SGD"}, &p)
	return p, asked, answered
}

// seal makes the token that the gateway's notification carries.
func seal(t testing.TB, key []byte, client string, claims object) string {
	t.Helper()
	enc, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{
		Algorithm: jose.PBES2_HS512_A256KW, Key: key, KeyID: client, PBES2Count: 1000,
		PBES2Salt: []byte("0123456789abcdef"),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	obj, err := enc.Encrypt(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := obj.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// paid is the gateway's word about a payment.
func paid(p money, n int) object {
	return object{
		"amount": fmt.Sprintf("%d.%02d", p.Amount/100, p.Amount%100), "currency": "SGD",
		"transactionRef": fmt.Sprint(1428191406936641536 + n), "merchantRef": p.MerchantRef,
		"status": "SUCCESS", "responseCode": "00", "paymentScheme": "VISA",
		"paymentDateTime": time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"),
	}
}

// notify posts a notification, and says when it began. Whether it was taken is told on the channel:
// the till may hear of it before the gateway has its answer.
func notify(t testing.TB, hook, token string) (at time.Time, taken <-chan error) {
	t.Helper()
	body, err := json.Marshal(object{"data": token})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	at = time.Now()
	go func() {
		resp, err := http.Post(hook, "application/json", bytes.NewReader(body))
		if err == nil {
			// read to its end, so that the next one finds the connection open, as at the floor
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if err == nil && resp.StatusCode != http.StatusOK {
				err = fmt.Errorf("the hook answers %s", resp.Status)
			}
		}
		done <- err
	}()
	return at, done
}

// settle lets the customer pay, and the till acknowledge; it returns how long the till waited.
func (k *kiosk) settle(p money) time.Duration {
	k.t.Helper()
	at, taken := notify(k.t, k.hook, seal(k.t, k.secret, "bench-client", paid(p, k.sold)))
	end, heard := k.till.final(p.ID)
	if err := <-taken; err != nil {
		k.t.Fatal(err)
	}
	if end.Status != "approved" {
		k.t.Fatalf("the payment is %s", end.Status)
	}
	k.till.ask("payment.acknowledge", object{"id": p.ID, "revision": end.Revision}, nil)
	return heard.Sub(at)
}
