package singapay

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// jakarta is the zone of the token's date and of every text time (UTC+7, no daylight saving).
var jakarta = time.FixedZone("WIB", 7*60*60)

// HashForm is what the sender hashes. The document leaves it open.
type HashForm string

// The forms that may be hashed.
const (
	HashSorted HashForm = "sorted" // keys sorted, everything else literal
	// decoded and encoded again by PHP: {} becomes [], 10000.00 becomes 10000
	HashPHP HashForm = "php"
	HashRaw HashForm = "raw" // the bytes on the wire
)

func macHex(key []byte, text string) string {
	mac := hmac.New(sha512.New, key)
	_, _ = io.WriteString(mac, text)
	return hex.EncodeToString(mac.Sum(nil))
}

// tokenSignature is the X-Signature of the access token endpoint at the time now.
func tokenSignature(clientID string, key []byte, now time.Time) string {
	return macHex(key, clientID+"_"+string(key)+"_"+now.In(jakarta).Format("20060102"))
}

// hookSignature is the X-Signature of a webhook. endpoint is the path with the query string as
// configured in the dashboard.
func hookSignature(key []byte, endpoint, token string, hashed []byte, stamp string) string {
	return macHex(key, hookText(signing{method: "POST", endpoint: endpoint, token: token,
		stamp: stamp, hashed: hashed}))
}

// hookText is what is signed.
func hookText(n signing) string {
	sum := sha256.Sum256(n.hashed)
	return strings.Join(
		[]string{n.method, n.endpoint, n.token, hex.EncodeToString(sum[:]), n.stamp}, ":")
}

// normalise returns what is hashed for a body.
func normalise(body []byte, form HashForm) ([]byte, error) {
	if form == HashRaw {
		return body, nil
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("singapay: body: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("singapay: body: something stands behind the JSON value")
	}
	if form == HashPHP {
		tree = asPHP(tree)
	}
	return encode(tree)
}

// encode writes JSON with slashes and non-ASCII characters as they are; Go sorts the keys of maps
// by bytes.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// asPHP turns a decoded tree into what json_decode(…, true), ksort and json_encode make of it.
func asPHP(v any) any {
	switch v := v.(type) {
	case map[string]any:
		sorted := slices.Sorted(maps.Keys(v))
		list := make([]any, 0, len(v))
		for i, key := range sorted {
			// sorted as text: with more than ten keys "10" comes before "2", and PHP keeps an
			// object
			if key != strconv.Itoa(i) {
				for key, value := range v {
					v[key] = asPHP(value)
				}
				return v
			}
			list = append(list, asPHP(v[key]))
		}
		return list
	case []any:
		for i := range v {
			v[i] = asPHP(v[i])
		}
		return v
	case json.Number:
		f, err := v.Float64()
		if err != nil || !strings.ContainsAny(string(v), ".eE") {
			return v
		}
		form := byte('f')
		if size := math.Abs(f); size != 0 && (size < 1e-4 || size >= 1e17) {
			form = 'e'
		}
		return json.Number(strconv.FormatFloat(f, form, -1, 64))
	default:
		return v
	}
}

// phpEscapes writes a JSON text as json_encode does by default: \/ and \uXXXX.
func phpEscapes(text []byte) []byte {
	var out bytes.Buffer
	for _, r := range string(text) {
		switch {
		case r == '/':
			out.WriteString(`\/`)
		case r < 0x80:
			out.WriteRune(r)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&out, `\u%04x`, unit)
			}
		}
	}
	return out.Bytes()
}
