package singapay

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	ofTransaction = "data.transaction."
	ofLink        = "data.payment.additional_info.payment_link."
)

// ofNotifications are what the body of a transaction's notification may have otherwise.
func ofNotifications() []Deviation {
	return []Deviation{
		{"word-upper", "a paid transaction says PAID", states(ofTransaction+"status", "PAID")},
		{"word-success", "a paid transaction says SUCCESS",
			states(ofTransaction+"status", "SUCCESS")},
		{"word-blank", "a blank follows the word paid", states(ofTransaction+"status", "paid ")},
		{"word-number", "the status is a number", states(ofTransaction+"status", 1)},
		{"status-renamed", "the status is called state",
			renamed(ofTransaction+"status", ofTransaction+"state")},
		{"status-twice", "a second status says pending",
			states(ofTransaction+"state", "pending")},
		{"reference-renamed", "our reference is called merchant_ref",
			renamed(ofLink+"reff_no", ofLink+"merchant_ref")},
		{"reference-missing", "our reference is in no notification",
			inBodies(func(m object) { drop(m, ofLink+"reff_no"); drop(m, ofLink+"payment_url") })},
		{"attempt-renamed", "the attempt's reference is called transaction_id",
			renamed(ofTransaction+"reff_no", ofTransaction+"transaction_id")},
		{"amount-renamed", "the amount's value is called total",
			renamed(ofTransaction+"amount.value", ofTransaction+"amount.total")},
		{"amount-flat", "the amount is a text, the currency beside it", inBodies(func(m object) {
			move(m, ofTransaction+"amount.currency", ofTransaction+"currency")
			put(m, ofTransaction+"amount", value(m, ofTransaction+"amount.value"))
		})},
		{"amount-number", "the amount is a number with sen", inBodies(func(m object) {
			text, _ := value(m, ofTransaction+"amount.value").(string)
			put(m, ofTransaction+"amount.value", json.Number(text))
		})},
		{"amount-grouped", "the amount is written 15.000,00", inBodies(func(m object) {
			text, _ := value(m, ofTransaction+"amount.value").(string)
			whole := strings.TrimSuffix(text, ".00")
			put(m, ofTransaction+"amount.value",
				whole[:len(whole)-3]+"."+whole[len(whole)-3:]+",00")
		})},
		{"amount-sen", "the amount is in sen", inBodies(func(m object) {
			text, _ := value(m, ofTransaction+"amount.value").(string)
			put(m, ofTransaction+"amount.value", strings.ReplaceAll(text, ".", ""))
		})},
		{"currency-moved", "the currency is beside the amount",
			renamed(ofTransaction+"amount.currency", ofTransaction+"currency")},
		{"currency-missing", "no currency is stated",
			inBodies(func(m object) { drop(m, ofTransaction+"amount.currency") })},
		{"currency-number", "the currency is 360", states(ofTransaction+"amount.currency", "360")},
		{"type-payment", "the type is payment", states(ofTransaction+"type", "payment")},
		{"event-other", "the event has a name of its own, and neither type nor method is there",
			inBodies(func(m object) {
				m["event"] = "link.paid"
				drop(m, ofTransaction+"type")
				drop(m, "data.payment.method")
			})},
		{"event-missing", "neither event, type nor method is there", inBodies(func(m object) {
			delete(m, "event")
			drop(m, ofTransaction+"type")
			drop(m, "data.payment.method")
		})},
		{"event-absent", "there is no event", bend{config: func(c *Config) { c.OmitEvent = true }}},
		{"success-text", "success is a text", states("success", "true")},
		{"body-wrapped", "the body is within payload", inBodies(func(m object) {
			inner := object{}
			for name, v := range m {
				inner[name] = v
				delete(m, name)
			}
			m["payload"] = inner
		})},
	}
}

// signed bends what the signature is made of.
func signedWith(f func(*signing)) bend { return bend{sign: f} }

func carried(f func(*http.Request)) bend {
	return bend{carry: func(r *http.Request, _ *[]byte) { f(r) }}
}

func header(from, to string) bend {
	return carried(func(r *http.Request) {
		r.Header.Set(to, r.Header.Get(from))
		r.Header.Del(from)
	})
}

// ofCarriage are how a delivery may be carried and signed otherwise.
func ofCarriage() []Deviation {
	return []Deviation{
		{"header-signature", "the signature is in X-SingaPay-Signature",
			header("X-Signature", "X-SingaPay-Signature")},
		{"header-time", "the time is in X-Request-Time", header("X-Timestamp", "X-Request-Time")},
		{"header-token", "a proxy moves Authorization to X-Forwarded-Authorization",
			header("Authorization", "X-Forwarded-Authorization")},
		{"token-none", "there is no token", bend{sign: func(s *signing) { s.token = "" },
			carry: func(r *http.Request, _ *[]byte) { r.Header.Del("Authorization") }}},
		{"token-taken", "a proxy takes Authorization away",
			carried(func(r *http.Request) { r.Header.Del("Authorization") })},
		{"token-bare", "the token comes without Bearer", carried(func(r *http.Request) {
			r.Header.Set("Authorization", strings.TrimPrefix(r.Header.Get("Authorization"),
				"Bearer "))
		})},
		{"time-millis", "X-Timestamp is in milliseconds",
			signedWith(func(s *signing) { s.stamp += "000" })},
		{"time-iso", "X-Timestamp is ISO 8601", signedWith(func(s *signing) {
			n, _ := strconv.ParseInt(s.stamp, 10, 64)
			s.stamp = time.Unix(n, 0).In(jakarta).Format(time.RFC3339)
		})},
		{"time-old", "what is delivered was signed ten minutes before", signedWith(older(600))},
		{"time-ancient", "what is delivered was signed two hours before", signedWith(older(7200))},
		{"signature-base64", "the signature is base64", carried(func(r *http.Request) {
			b, _ := hex.DecodeString(r.Header.Get("X-Signature"))
			r.Header.Set("X-Signature", base64.StdEncoding.EncodeToString(b))
		})},
		{"signature-sha256", "the signature is made with SHA-256",
			signedWith(func(s *signing) {
				s.mac = func(key []byte, text string) string {
					mac := hmac.New(sha256.New, key)
					_, _ = io.WriteString(mac, text)
					return hex.EncodeToString(mac.Sum(nil))
				}
			})},
		{"signature-none", "nothing is signed", carried(func(r *http.Request) {
			for _, name := range []string{"X-Signature", "X-Timestamp", "Authorization"} {
				r.Header.Del(name)
			}
		})},
		{"key-validation", "the HMAC Validation Key signs",
			signedWith(func(s *signing) { s.key = []byte(ValidationKey) })},
		{"path-slash", "the signed path has a slash at its end",
			signedWith(func(s *signing) { s.endpoint += "/" })},
		{"path-other", "the signed path is that of a proxy",
			signedWith(func(s *signing) { s.endpoint = ProxyPath })},
		{"path-url", "the whole address is signed",
			signedWith(func(s *signing) { s.endpoint = "https://relay.example" + s.endpoint })},
		{"method-put", "notifications come by PUT", bend{
			sign:  func(s *signing) { s.method = http.MethodPut },
			carry: func(r *http.Request, _ *[]byte) { r.Method = http.MethodPut }}},
		{"body-form", "the body is a form with the JSON in it", bend{
			carry: func(r *http.Request, body *[]byte) {
				*body = []byte(url.Values{"payload": {string(*body)}}.Encode())
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}}},
		{"hash-php", "what is hashed is as PHP writes it again",
			bend{config: func(c *Config) { c.Hash = HashPHP }}},
		{"hash-raw", "the raw body is hashed", bend{config: func(c *Config) { c.Hash = HashRaw }}},
		{"hash-escaped", "what is hashed has PHP's escapes",
			signedWith(func(s *signing) { s.hashed = phpEscapes(s.hashed) })},
	}
}

// ValidationKey signs with the deviation key-validation, and ProxyPath is what path-other signs.
const (
	ValidationKey = "hmac-validation-key-of-the-dashboard"
	ProxyPath     = "/callback/singapay"
)

func older(seconds int64) func(*signing) {
	return func(s *signing) {
		n, _ := strconv.ParseInt(s.stamp, 10, 64)
		s.stamp = strconv.FormatInt(n-seconds, 10)
	}
}
