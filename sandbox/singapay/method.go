package singapay

import (
	"fmt"
	"slices"
	"strings"
)

// method is a way to pay on a link's page.
type method struct {
	Code, Name, Group string
	Echo              string // as a whitelist's echo names it, if otherwise
}

// methods are those that the sandbox gateway had on 2026-08-21. Never changed.
var methods = func() []method {
	all := []method{{Code: "QRIS", Name: "QRIS", Group: "qris"}}
	for bank := range strings.SplitSeq(
		"BCA BNC BNI BRI BSI CIMB DANAMON MANDIRI MAYBANK MUAMALAT OCBC PERMATA", " ") {
		all = append(all, method{Code: "VA_" + bank, Name: "VA " + bank, Group: "virtual_account"})
	}
	for wallet := range strings.SplitSeq("DANA GOPAY OVO SHOPEEPAY", " ") {
		all = append(all, method{Code: "EWALLET_" + wallet, Name: "E-Wallet " + wallet,
			Group: "ewallet"})
	}
	return append(all,
		method{Code: "ALFAMART", Name: "Alfamart (Linkqu)", Group: "retail",
			Echo: "RETAIL_ALFAMART_LINKQU"},
		method{Code: "INDOMARET", Name: "Indomaret (Linkqu)", Group: "retail",
			Echo: "RETAIL_INDOMARET_LINKQU"},
		method{Code: "NICEPAY_CARD", Name: "Credit Card", Group: "card"})
}()

func methodOf(code string) *method {
	if i := slices.IndexFunc(methods, func(m method) bool { return m.Code == code }); i >= 0 {
		return &methods[i]
	}
	return nil
}

// echoed is a whitelist as answers show it: in another order, retail under another name; null for
// all.
func echoed(whitelist []string) any {
	if len(whitelist) == 0 {
		return nil
	}
	var out []string
	for _, code := range slices.Backward(whitelist) {
		if m := methodOf(code); m.Echo != "" {
			code = m.Echo
		}
		out = append(out, code)
	}
	return out
}

// allowed lists the methods of a link.
func (l *link) allowed() []method {
	var all []method
	for _, m := range methods {
		if len(l.Whitelist) == 0 || slices.Contains(l.Whitelist, m.Code) {
			all = append(all, m)
		}
	}
	return all
}

// listMethods answers GET /api/v1.0/payment-link-manage/payment-methods.
func (s *Server) listMethods(*call) answer {
	var all []object
	var codes []string
	for _, m := range methods {
		all = append(all, object{"code": m.Code, "name": m.Name, "group": m.Group,
			"desc": fmt.Sprintf("Payment with %s", m.Name)})
		codes = append(codes, m.Code)
	}
	return ok(object{"payment_methods": all, "available_codes": codes})
}
