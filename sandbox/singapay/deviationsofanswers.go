package singapay

import (
	"net/http"
	"slices"
	"strings"
)

// linkOps answer with links.
var linkOps = [...]Op{OpCreate, OpOne, OpList, OpUpdate}

func inLinks(f func(object)) bend { return inAnswers(f, linkOps[:]...) }

func inAttempts(f func(object)) bend { return inAnswers(f, OpHistories) }

// wrapped puts the data of some operations into a member of an object.
func wrapped(name string, ops ...Op) bend {
	return bend{answer: func(op Op, status int, out object) (int, object) {
		if slices.Contains(ops, op) {
			out["data"] = object{name: out["data"]}
		}
		return status, out
	}}
}

// ofCreates are what the answer with a link may have otherwise.
func ofCreates() []Deviation {
	return []Deviation{
		{"link-nested", "a link is within payment_link",
			wrapped("payment_link", OpCreate, OpOne, OpUpdate)},
		{"link-url", "payment_url is called checkout_url",
			inLinks(func(m object) { move(m, "payment_url", "checkout_url") })},
		{"link-id", "a link's id is called link_id",
			inLinks(func(m object) { move(m, "id", "link_id") })},
		{"link-id-text", "a link's id is a text",
			inLinks(func(m object) { m["id"] = "pl-" + jsonText(m["id"]) })},
		{"link-reference", "a link's reff_no is called merchant_ref",
			inLinks(func(m object) { move(m, "reff_no", "merchant_ref") })},
		{"link-amount", "total_amount is called amount",
			inLinks(func(m object) { move(m, "total_amount", "amount") })},
		{"link-amount-text", "amounts of links and attempts are texts",
			bend{config: func(c *Config) { c.AmountText = true }}},
		{"link-few", "a fresh link says neither its end, its use nor its status",
			inAnswers(func(m object) {
				for _, name := range []string{"expired_at", "max_usage", "status",
					"status_computed", "is_expired", "whitelisted_payment_method"} {
					delete(m, name)
				}
			}, OpCreate)},
		{"link-active", "an open link is active", inLinks(func(m object) {
			for _, name := range []string{"status", "status_computed"} {
				if m[name] == open {
					m[name] = "active"
				}
			}
		})},
		{"link-utc", "a link's times have no zone and are UTC's", inLinks(func(m object) {
			for _, name := range []string{"expired_at", "created_at"} {
				if t, good := parseTime(jsonText(m[name])); good {
					m[name] = t.UTC().Format("2006-01-02 15:04:05")
				}
			}
		})},
		{"link-fee", "the customer pays the fee",
			inLinks(func(m object) { m["customer_pays_fee"] = true })},
		{"link-fee-number", "customer_pays_fee is 1",
			inLinks(func(m object) { m["customer_pays_fee"] = 1 })},
		{"link-endless", "max_usage is dropped: the link can be paid again and again",
			inLinks(func(m object) { m["max_usage"] = 0 })},
		{"link-usd", "a link says another currency",
			inLinks(func(m object) { m["currency"] = "USD" })},
		{"reference-lower", "our reference comes back in small letters", lowered()},
		{"reference-plain", "a reff_no may have letters and digits alone", bend{
			refuse: func(op Op, f *fields) {
				for _, name := range []string{"reff_no", "merchant_reff_no"} {
					if f.there(name) && strings.ContainsAny(string(f.raw[name]), "-_.") {
						f.bad(name, "format is invalid")
					}
				}
			}}},
		{"code-other", "a success is SP100", bend{
			answer: func(_ Op, status int, out object) (int, object) {
				if out["response_code"] == "SP000" {
					out["response_code"] = "SP100"
				}
				return status, out
			}}},
		{"envelope-v1", "links come in the older envelope",
			bend{config: func(c *Config) { c.LinkEnvelope = V1 }}},
		{"envelope-v2", "all comes in the newer envelope",
			bend{config: func(c *Config) { c.OtherEnvelope = V2 }}},
		{"envelope-none", "answers have their data and nothing beside it", bend{
			answer: func(_ Op, status int, out object) (int, object) {
				for _, name := range []string{"status", "success", "response_code",
					"response_message"} {
					delete(out, name)
				}
				return status, out
			}}},
		{"envelope-failed", "a success says success false", bend{
			answer: func(op Op, status int, out object) (int, object) {
				if op == OpHistories {
					out["success"] = false
				}
				return status, out
			}}},
		{"created-201", "a create is answered 201", bend{
			answer: func(op Op, status int, out object) (int, object) {
				if op == OpCreate && status == http.StatusOK {
					status = http.StatusCreated
				}
				return status, out
			}}},
		{"token-renamed", "access_token is called accessToken",
			inAnswers(func(m object) { move(m, "access_token", "accessToken") }, OpToken)},
		{"token-number", "expires_in is a number",
			bend{config: func(c *Config) { c.ExpiresInNumber = true }}},
	}
}

// lowered has every reference of ours in small letters, but for the address of the page.
func lowered() bend {
	low := func(s string) string {
		if len(s) > 30 && strings.Count(s, "-") == 1 && !strings.Contains(s, "/") &&
			strings.ToUpper(s) == s && s[8:9] == "-" {
			return strings.ToLower(s)
		}
		return s
	}
	return bend{
		answer: func(_ Op, status int, out object) (int, object) {
			rewritten(out, low)
			return status, out
		},
		webhook: func(m object) { rewritten(m, low) },
	}
}

// ofAnswers are what the answers about attempts and lists may have otherwise.
func ofAnswers() []Deviation {
	lists := []Op{OpList, OpHistories, OpQRList}
	return []Deviation{
		{"list-laravel", "a list is within data, with its pages beside it", bend{
			answer: func(op Op, status int, out object) (int, object) {
				if slices.Contains(lists, op) && out["pagination"] != nil {
					p, _ := out["pagination"].(object)
					out["data"] = object{"data": out["data"], "current_page": p["current_page"],
						"last_page": p["total_pages"], "total": p["total"]}
					delete(out, "pagination")
				}
				return status, out
			}}},
		{"list-histories", "the attempts are within histories", wrapped("histories", OpHistories)},
		{"list-object", "an attempt alone is no list", bend{
			answer: func(op Op, status int, out object) (int, object) {
				if list, _ := out["data"].([]any); op == OpHistories && len(list) == 1 {
					out["data"] = list[0]
				}
				return status, out
			}}},
		{"list-holes", "a list is an object with numbers for names", bend{
			answer: func(op Op, status int, out object) (int, object) {
				if list, _ := out["data"].([]any); slices.Contains(lists, op) && len(list) > 0 {
					out["data"] = object{"3": list[0]}
				}
				return status, out
			}}},
		{"list-unpaged", "a list has no pages, and page is passed over", bend{
			config: func(c *Config) { c.Unpaged = true },
			answer: func(_ Op, status int, out object) (int, object) {
				delete(out, "pagination")
				return status, out
			}}},
		{"list-cut", "a list says that there is more, and has none", bend{
			answer: func(op Op, status int, out object) (int, object) {
				if op == OpHistories {
					put(out, "pagination.total", 7)
				}
				return status, out
			}}},
		{"attempt-word", "a paid attempt says PAID", inAttempts(func(m object) {
			for _, name := range []string{"status", "status_computed"} {
				if m[name] == paid {
					m[name] = "PAID"
				}
			}
		})},
		{"attempt-status", "an attempt's status is called state", inAttempts(func(m object) {
			move(m, "status", "state")
			delete(m, "status_computed")
		})},
		{"attempt-link", "payment_link_reff_no is called link_ref",
			inAttempts(func(m object) { move(m, "payment_link_reff_no", "link_ref") })},
		{"attempt-nameless", "an attempt does not say whose it is",
			bend{config: func(c *Config) { c.HideLinkRef = true }}},
		{"attempt-reference", "an attempt's reff_no is called transaction_id",
			inAttempts(func(m object) { move(m, "reff_no", "transaction_id") })},
		{"attempt-amount", "an attempt's amount is called total",
			inAttempts(func(m object) { move(m, "amount", "total") })},
		{"attempt-disagrees", "an attempt is paid, and computed as failed",
			inAttempts(func(m object) { m["status_computed"] = failed })},
		{"usage-renamed", "current_usage is called used",
			inLinks(func(m object) { move(m, "current_usage", "used") })},
		{"usage-missing", "a link does not say whether it was used",
			inLinks(func(m object) { delete(m, "current_usage") })},
		{"query-page", "lists are answered with a page of a portal", bend{
			answer: func(op Op, status int, out object) (int, object) {
				if slices.Contains(lists, op) {
					return status, object{"html": "<p>Welcome"}
				}
				return status, out
			}}},
	}
}

// ofCodes are what QRIS codes may have otherwise.
func ofCodes() []Deviation {
	in := func(f func(object)) bend { return inAnswers(f, OpQRCreate, OpQROne, OpQRList) }
	return []Deviation{
		{"qr-event", "a paid code's event has a name of its own", inBodies(func(m object) {
			m["event"] = "qris.paid"
		})},
		{"qr-word", "a paid code says COMPLETED", states(ofTransaction+"status", "COMPLETED")},
		{"qr-reference", "our reference is called partner_reff in the notification",
			renamed(ofTransaction+"merchant_reff_no", ofTransaction+"partner_reff")},
		{"qr-nested", "a code is within qris", wrapped("qris", OpQRCreate, OpQROne)},
		{"qr-data", "qr_data is called qr_string",
			in(func(m object) { move(m, "qr_data", "qr_string") })},
		{"qr-made-reference", "merchant_reff_no is called merchant_ref",
			in(func(m object) { move(m, "merchant_reff_no", "merchant_ref") })},
		{"qr-amount", "amount and total_amount are called nominal", in(func(m object) {
			move(m, "amount", "nominal")
			delete(m, "total_amount")
		})},
		{"qr-status", "a code's status is called state", in(func(m object) {
			move(m, "status", "state")
			delete(m, "status_computed")
		})},
		{"qr-answer-word", "a paid code is SUCCESS when it is asked for", in(func(m object) {
			for _, name := range []string{"status", "status_computed"} {
				if m[name] == paid {
					m[name] = "SUCCESS"
				}
			}
		})},
		{"qr-other-amount", "qr_data is for another amount", inAnswers(func(m object) {
			text, _ := m["qr_data"].(string)
			m["qr_data"] = strings.Replace(text, "540515000", "540515001", 1)
		}, OpQRCreate)},
	}
}

// jsonText is a value as JSON has it, without quotes.
func jsonText(v any) string {
	text, _ := encode(v)
	return strings.Trim(string(text), `"`)
}
