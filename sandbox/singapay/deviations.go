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
		{"word-upper", "A paid transaction says PAID.", "singapay.words.paid",
			states(ofTransaction+"status", "PAID")},
		{"word-success", "A paid transaction says SUCCESS.", "singapay.words.paid",
			states(ofTransaction+"status", "SUCCESS")},
		{"word-blank", "A blank follows the word paid.", "singapay.words.paid",
			states(ofTransaction+"status", "paid ")},
		{"word-number", "The status is a number.", "", states(ofTransaction+"status", 1)},
		{"status-renamed", "The status is called state.", "singapay.members.status",
			renamed(ofTransaction+"status", ofTransaction+"state")},
		{"status-twice", "A second status says pending.", "",
			states(ofTransaction+"state", "pending")},
		{"reference-renamed", "Our reference is called merchant_ref.",
			"singapay.members.merchant_ref",
			renamed(ofLink+"reff_no", ofLink+"merchant_ref")},
		{"reference-missing", "Our reference is in no notification.", "",
			inBodies(func(m object) { drop(m, ofLink+"reff_no"); drop(m, ofLink+"payment_url") })},
		{"attempt-renamed", "The attempt's reference is called transaction_id.",
			"singapay.members.transaction_ref",
			renamed(ofTransaction+"reff_no", ofTransaction+"transaction_id")},
		{"amount-renamed", "The amount's value is called total.", "singapay.members.amount",
			renamed(ofTransaction+"amount.value", ofTransaction+"amount.total")},
		{"amount-flat", "The amount is a text, the currency beside it.", "singapay.members.amount",
			inBodies(func(m object) {
				move(m, ofTransaction+"amount.currency", ofTransaction+"currency")
				put(m, ofTransaction+"amount", value(m, ofTransaction+"amount.value"))
			})},
		{"amount-number", "The amount is a number with sen.", "", inBodies(func(m object) {
			text, _ := value(m, ofTransaction+"amount.value").(string)
			put(m, ofTransaction+"amount.value", json.Number(text))
		})},
		{"amount-grouped", "The amount is written 15.000,00.", "", inBodies(func(m object) {
			text, _ := value(m, ofTransaction+"amount.value").(string)
			whole := strings.TrimSuffix(text, ".00")
			put(m, ofTransaction+"amount.value",
				whole[:len(whole)-3]+"."+whole[len(whole)-3:]+",00")
		})},
		{"amount-sen", "The amount is in sen.", "", inBodies(func(m object) {
			text, _ := value(m, ofTransaction+"amount.value").(string)
			put(m, ofTransaction+"amount.value", strings.ReplaceAll(text, ".", ""))
		})},
		{"currency-moved", "The currency is beside the amount.", "singapay.members.currency",
			renamed(ofTransaction+"amount.currency", ofTransaction+"currency")},
		{"currency-missing", "No currency is stated.", "",
			inBodies(func(m object) { drop(m, ofTransaction+"amount.currency") })},
		{"currency-number", "The currency is 360.", "", states(ofTransaction+"amount.currency",
			"360")},
		{"type-payment", "The type is payment.", "singapay.words.type_pay",
			states(ofTransaction+"type", "payment")},
		{"event-other", "The event has a name of its own, and neither type nor method is there.",
			"singapay.events.link",
			inBodies(func(m object) {
				m["event"] = "link.paid"
				drop(m, ofTransaction+"type")
				drop(m, "data.payment.method")
			})},
		{"event-missing", "Neither event, type nor method is there.", "", inBodies(func(m object) {
			delete(m, "event")
			drop(m, ofTransaction+"type")
			drop(m, "data.payment.method")
		})},
		{"event-absent", "There is no event.", "",
			bend{config: func(c *Config) { c.OmitEvent = true }}},
		{"success-text", "The member success is a text.", "", states("success", "true")},
		{"all-at-once",
			"Words, names, shapes, the token's header and the form of the reference are " +
				"otherwise.", "singapay.members.payment_url", allAtOnce()},
		{"body-wrapped", "The body is within payload.", "", inBodies(func(m object) {
			inner := object{}
			for name, v := range m {
				inner[name] = v
				delete(m, name)
			}
			m["payload"] = inner
		})},
	}
}

// allAtOnce is otherwise in a link, in lists, in what a notification says and in how it comes.
func allAtOnce() bend {
	low, nested := lowered(), wrapped("payment_link", OpCreate, OpOne, OpUpdate)
	return bend{
		answer: func(op Op, status int, out object) (int, object) {
			each(out, func(m object) {
				if op != OpHistories {
					move(m, "payment_url", "checkout_url")
					return
				}
				move(m, "payment_link_reff_no", "link_ref")
				move(m, "amount", "total_paid")
			})
			status, out = low.answer(op, status, out)
			if op == OpHistories {
				out["data"] = object{"histories": out["data"]}
			}
			return nested.answer(op, status, out)
		},
		webhook: func(m object) {
			low.webhook(m)
			put(m, ofTransaction+"status", "PAID")
			move(m, ofTransaction+"status", ofTransaction+"state")
			put(m, ofTransaction+"type", "payment")
			move(m, ofTransaction+"amount.currency", ofTransaction+"currency")
			move(m, ofLink+"reff_no", ofLink+"merchant_ref")
		},
		sign: func(s *signing) { s.stamp += "000" },
		carry: func(r *http.Request, _ *[]byte) {
			r.Header.Set("X-Original-Authorization", r.Header.Get("Authorization"))
			r.Header.Del("Authorization")
		},
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
		{"header-signature", "The signature is in X-SingaPay-Signature.",
			"singapay.headers.signature",
			header("X-Signature", "X-SingaPay-Signature")},
		{"header-time", "The time is in X-Request-Time.", "singapay.headers.timestamp",
			header("X-Timestamp", "X-Request-Time")},
		{"header-token", "A proxy moves Authorization to X-Forwarded-Authorization.",
			"singapay.headers.token",
			header("Authorization", "X-Forwarded-Authorization")},
		{"token-none", "There is no token.", "singapay.headers.bare_token",
			bend{sign: func(s *signing) { s.token = "" },
				carry: func(r *http.Request, _ *[]byte) { r.Header.Del("Authorization") }}},
		{"token-taken", "A proxy takes Authorization away.", "",
			carried(func(r *http.Request) { r.Header.Del("Authorization") })},
		{"token-bare", "The token comes without Bearer.", "singapay.headers.bare_token",
			carried(func(r *http.Request) {
				r.Header.Set("Authorization", strings.TrimPrefix(r.Header.Get("Authorization"),
					"Bearer "))
			})},
		{"time-millis", "X-Timestamp is in milliseconds.", "singapay.headers.other_times",
			signedWith(func(s *signing) { s.stamp += "000" })},
		{"time-iso", "X-Timestamp is ISO 8601.", "singapay.headers.other_times",
			signedWith(func(s *signing) {
				n, _ := strconv.ParseInt(s.stamp, 10, 64)
				s.stamp = time.Unix(n, 0).In(jakarta).Format(time.RFC3339)
			})},
		{"time-old", "What is delivered was signed ten minutes before.", "singapay.replay_window",
			signedWith(older(600))},
		{"time-ancient", "What is delivered was signed two hours before.", "",
			signedWith(older(7200))},
		{"signature-base64", "The signature is base64.", "", carried(func(r *http.Request) {
			b, _ := hex.DecodeString(r.Header.Get("X-Signature"))
			r.Header.Set("X-Signature", base64.StdEncoding.EncodeToString(b))
		})},
		{"signature-sha256", "The signature is made with SHA-256.", "",
			signedWith(func(s *signing) {
				s.mac = func(key []byte, text string) string {
					mac := hmac.New(sha256.New, key)
					_, _ = io.WriteString(mac, text)
					return hex.EncodeToString(mac.Sum(nil))
				}
			})},
		{"signature-none", "Nothing is signed.", "", carried(func(r *http.Request) {
			for _, name := range []string{"X-Signature", "X-Timestamp", "Authorization"} {
				r.Header.Del(name)
			}
		})},
		{"key-validation", "The HMAC Validation Key signs.", "singapay.previous_secret",
			signedWith(func(s *signing) { s.key = []byte(ValidationKey) })},
		{"path-slash", "The signed path has a slash at its end.", "singapay.webhook_path",
			signedWith(func(s *signing) { s.endpoint += "/" })},
		{"path-other", "The signed path is that of a proxy.", "singapay.webhook_path",
			signedWith(func(s *signing) { s.endpoint = ProxyPath })},
		{"path-url", "The whole address is signed.", "",
			signedWith(func(s *signing) { s.endpoint = "https://relay.example" + s.endpoint })},
		{"method-put", "Notifications come by PUT.", "", bend{
			sign:  func(s *signing) { s.method = http.MethodPut },
			carry: func(r *http.Request, _ *[]byte) { r.Method = http.MethodPut }}},
		{"body-form", "The body is a form with the JSON in it.", "", bend{
			carry: func(r *http.Request, body *[]byte) {
				*body = []byte(url.Values{"payload": {string(*body)}}.Encode())
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}}},
		{"hash-php", "What is hashed is as PHP writes it again.", "",
			bend{config: func(c *Config) { c.Hash = HashPHP }}},
		{"hash-raw", "The raw body is hashed.", "",
			bend{config: func(c *Config) { c.Hash = HashRaw }}},
		{"hash-escaped", "What is hashed has PHP's escapes.", "",
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
