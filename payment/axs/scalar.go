package axs

import "encoding/json"

// maxDepth bounds the nesting of any JSON that is read here; AXS's own has depth 1.
const maxDepth = 16

// text is the value of a JSON string; ok is false for anything else and for what is absent.
func text(raw json.RawMessage) (s string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// scalar is the value of a JSON string or the literal of a JSON number, digit for digit: a
// transactionRef of 19 digits does not fit a float. Absent and null are "". ok is false for an
// object, a list or a boolean.
func scalar(raw json.RawMessage) (s string, ok bool) {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return "", true
	case isNumber(raw):
		return string(raw), true
	default:
		return text(raw)
	}
}

func isNumber(raw json.RawMessage) bool {
	return len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9')
}
