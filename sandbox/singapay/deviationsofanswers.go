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
		{"link-nested", "A link is within payment_link.", "singapay.answers.object",
			wrapped("payment_link", OpCreate, OpOne, OpUpdate)},
		{"link-url", "The member payment_url is called checkout_url.",
			"singapay.members.payment_url",
			inLinks(func(m object) { move(m, "payment_url", "checkout_url") })},
		{"link-id", "A link's id is called link_id.", "singapay.members.made_id",
			inLinks(func(m object) { move(m, "id", "link_id") })},
		{"link-id-text", "A link's id is a text.", "",
			inLinks(func(m object) { m["id"] = "pl-" + jsonText(m["id"]) })},
		{"link-reference", "A link's reff_no is called merchant_ref.", "singapay.members.made_ref",
			inLinks(func(m object) { move(m, "reff_no", "merchant_ref") })},
		{"link-amount", "The member total_amount is called amount.", "singapay.members.made_amount",
			inLinks(func(m object) { move(m, "total_amount", "amount") })},
		{"link-amount-text", "Amounts of links and attempts are texts.", "",
			bend{config: func(c *Config) { c.AmountText = true }}},
		{"link-few", "A fresh link says neither its end, its use nor its status.", "",
			inAnswers(func(m object) {
				for _, name := range []string{"expired_at", "max_usage", "status",
					"status_computed", "is_expired", "whitelisted_payment_method"} {
					delete(m, name)
				}
			}, OpCreate)},
		{"link-active", "An open link is active.", "", inLinks(func(m object) {
			for _, name := range []string{"status", "status_computed"} {
				if m[name] == open {
					m[name] = "active"
				}
			}
		})},
		{"link-utc", "A link's times have no zone and are UTC's.", "", inLinks(func(m object) {
			for _, name := range []string{"expired_at", "created_at"} {
				if t, good := parseTime(jsonText(m[name])); good {
					m[name] = t.UTC().Format("2006-01-02 15:04:05")
				}
			}
		})},
		{"link-fee", "The customer pays the fee.", "",
			inLinks(func(m object) { m["customer_pays_fee"] = true })},
		{"link-fee-number", "The member customer_pays_fee is 1.", "",
			inLinks(func(m object) { m["customer_pays_fee"] = 1 })},
		{"link-endless", "The member max_usage is dropped: the link can be paid again and again.",
			"",
			inLinks(func(m object) { m["max_usage"] = 0 })},
		{"link-usd", "A link says another currency.", "",
			inLinks(func(m object) { m["currency"] = "USD" })},
		{"reference-lower", "Our reference comes back in small letters.", "singapay.reference",
			lowered()},
		{"reference-plain", "A reff_no may have letters and digits alone.", "singapay.reference",
			bend{
				refuse: func(op Op, f *fields) {
					for _, name := range []string{"reff_no", "merchant_reff_no"} {
						if f.there(name) && strings.ContainsAny(string(f.raw[name]), "-_.") {
							f.bad(name, "format is invalid")
						}
					}
				}}},
		{"code-other", "A success is SP100.", "singapay.words.code_ok", bend{
			answer: func(_ Op, status int, out object) (int, object) {
				if out["response_code"] == "SP000" {
					out["response_code"] = "SP100"
				}
				return status, out
			}}},
		{"envelope-v1", "Links come in the older envelope.", "",
			bend{config: func(c *Config) { c.LinkEnvelope = V1 }}},
		{"envelope-v2", "All comes in the newer envelope.", "",
			bend{config: func(c *Config) { c.OtherEnvelope = V2 }}},
		{"envelope-none", "Answers have their data and nothing beside it.", "", bend{
			answer: func(_ Op, status int, out object) (int, object) {
				for _, name := range []string{"status", "success", "response_code",
					"response_message"} {
					delete(out, name)
				}
				return status, out
			}}},
		{"envelope-failed", "A success says success false.", "", bend{
			answer: func(op Op, status int, out object) (int, object) {
				if op == OpHistories {
					out["success"] = false
				}
				return status, out
			}}},
		{"created-201", "A create is answered 201.", "", bend{
			answer: func(op Op, status int, out object) (int, object) {
				if op == OpCreate && status == http.StatusOK {
					status = http.StatusCreated
				}
				return status, out
			}}},
		{"token-renamed", "The member access_token is called accessToken.",
			"singapay.members.access_token",
			inAnswers(func(m object) { move(m, "access_token", "accessToken") }, OpToken)},
		{"token-number", "The member expires_in is a number.", "",
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
		{"list-laravel", "A list is within data, with its pages beside it.",
			"singapay.answers.list", bend{
				answer: func(op Op, status int, out object) (int, object) {
					if slices.Contains(lists, op) && out["pagination"] != nil {
						p, _ := out["pagination"].(object)
						out["data"] = object{"data": out["data"], "current_page": p["current_page"],
							"last_page": p["total_pages"], "total": p["total"]}
						delete(out, "pagination")
					}
					return status, out
				}}},
		{"list-histories", "The attempts are within histories.", "singapay.answers.list",
			wrapped("histories", OpHistories)},
		{"list-object", "An attempt alone is no list.", "singapay.answers.single", bend{
			answer: func(op Op, status int, out object) (int, object) {
				if list, _ := out["data"].([]any); op == OpHistories && len(list) == 1 {
					out["data"] = list[0]
				}
				return status, out
			}}},
		{"list-holes", "A list is an object with numbers for names.", "singapay.answers.single",
			bend{
				answer: func(op Op, status int, out object) (int, object) {
					if list, _ := out["data"].([]any); slices.Contains(lists, op) && len(list) > 0 {
						out["data"] = object{"3": list[0]}
					}
					return status, out
				}}},
		{"list-unpaged", "A list has no pages, and page is passed over.",
			"singapay.answers.unpaged", bend{
				config: func(c *Config) { c.Unpaged = true },
				answer: func(_ Op, status int, out object) (int, object) {
					delete(out, "pagination")
					return status, out
				}}},
		{"list-cut", "A list says that there is more, and has none.", "", bend{
			answer: func(op Op, status int, out object) (int, object) {
				if op == OpHistories {
					put(out, "pagination.total", 7)
				}
				return status, out
			}}},
		{"attempt-word", "A paid attempt says PAID.", "singapay.words.paid",
			inAttempts(func(m object) {
				for _, name := range []string{"status", "status_computed"} {
					if m[name] == paid {
						m[name] = "PAID"
					}
				}
			})},
		{"attempt-status", "An attempt's status is called state.",
			"singapay.members.attempt_status", inAttempts(func(m object) {
				move(m, "status", "state")
				delete(m, "status_computed")
			})},
		{"attempt-link", "The member payment_link_reff_no is called link_ref.",
			"singapay.members.attempt_link",
			inAttempts(func(m object) { move(m, "payment_link_reff_no", "link_ref") })},
		{"attempt-nameless", "An attempt does not say whose it is.", "",
			bend{config: func(c *Config) { c.HideLinkRef = true }}},
		{"attempt-reference", "An attempt's reff_no is called transaction_id.",
			"singapay.members.attempt_ref",
			inAttempts(func(m object) { move(m, "reff_no", "transaction_id") })},
		{"attempt-amount", "An attempt's amount is called total.",
			"singapay.members.attempt_amount",
			inAttempts(func(m object) { move(m, "amount", "total") })},
		{"attempt-disagrees", "An attempt is paid, and computed as failed.", "",
			inAttempts(func(m object) { m["status_computed"] = failed })},
		{"usage-renamed", "The member current_usage is called used.", "singapay.members.made_usage",
			inLinks(func(m object) { move(m, "current_usage", "used") })},
		{"usage-missing", "A link does not say whether it was used.", "",
			inLinks(func(m object) { delete(m, "current_usage") })},
		{"query-page", "Lists are answered with a page of a portal.", "", bend{
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
		{"qr-event", "A paid code's event has a name of its own.", "singapay.events.qr",
			inBodies(func(m object) {
				m["event"] = "qris.paid"
			})},
		{"qr-word", "A paid code says COMPLETED.", "singapay.words.paid",
			states(ofTransaction+"status", "COMPLETED")},
		{"qr-reference", "Our reference is called partner_reff in the notification.",
			"singapay.members.merchant_ref",
			renamed(ofTransaction+"merchant_reff_no", ofTransaction+"partner_reff")},
		{"qr-nested", "A code is within qris.", "singapay.answers.object", wrapped("qris",
			OpQRCreate, OpQROne)},
		{"qr-data", "The member qr_data is called qr_string.", "singapay.members.qr_data",
			in(func(m object) { move(m, "qr_data", "qr_string") })},
		{"qr-made-reference", "The member merchant_reff_no is called merchant_ref.",
			"singapay.members.made_ref",
			in(func(m object) { move(m, "merchant_reff_no", "merchant_ref") })},
		{"qr-amount", "The members amount and total_amount are called nominal.",
			"singapay.members.made_amount",
			in(func(m object) {
				move(m, "amount", "nominal")
				delete(m, "total_amount")
			})},
		{"qr-status", "A code's status is called state.", "singapay.members.made_status",
			in(func(m object) {
				move(m, "status", "state")
				delete(m, "status_computed")
			})},
		{"qr-answer-word", "A paid code is SUCCESS when it is asked for.", "singapay.words.paid",
			in(func(m object) {
				for _, name := range []string{"status", "status_computed"} {
					if m[name] == paid {
						m[name] = "SUCCESS"
					}
				}
			})},
		{"qr-other-amount", "The member qr_data is for another amount.", "",
			inAnswers(func(m object) {
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
