package axs

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"slices"
	"strconv"
	"strings"

	"kiosk-agent/internal/strictjson"
	"kiosk-agent/payment"
)

// Describe says what a delivery looks like beside what AXS's pages say: how it came, the header of
// its token, its members and its words. It believes nothing and decides nothing; it derives keys
// for one token, and no more than Open would.
func (g *Gateway) Describe(e payment.Envelope) []payment.Observed {
	l := lines{path: "notification"}
	f := findTokens(e, g.cfg.Members.Token...)
	l.open("method", e.Method)
	if names := headerNames(e.Headers); names != "" {
		l.open("headers", names)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		if v := e.Headers[name]; strings.EqualFold(name, "Content-Type") && len(v) > 0 {
			l.open("content type", mediaType(v[0]))
		}
	}
	l.open("size", fmt.Sprintf("query of %d bytes, body of %d", len(e.Query), len(e.Body)))
	for _, at := range f.at {
		g.describeCarrier(&l, at)
	}
	token := ""
	switch {
	case len(f.tokens) > 0:
		token = f.tokens[0]
	case f.refused.Reason != ReasonElsewhere:
		l.unknown("token", f.refused.words(), "data of the query")
	default:
		token = f.lost[0]
		name, named := strings.CutPrefix(strings.TrimSuffix(f.refused.Detail,
			" (axs.members.token)"), "as ")
		if named {
			l.differs("token", "as "+name, "data of the query", "axs.members.token", name)
		} else {
			l.unknown("token", f.refused.Detail, "data of the query")
		}
	}
	if token != "" {
		g.describeToken(&l, token, g.describeRecord)
	}
	return l.all
}

// describeCarrier says where a token stood.
func (g *Gateway) describeCarrier(l *lines, at string) {
	const paper = "data of the query"
	name, _, _ := strings.Cut(at, " of ")
	switch {
	case at == paper || at == "data of the query":
		l.asPaper("token", at)
	case slices.Contains(g.cfg.Members.Token, name):
		l.mended("token", "as "+shown(name), paper, "axs.members.token", name)
	default:
		l.add(payment.Observed{What: "token", Is: at, Paper: paper, Fit: payment.FitOpen})
	}
}

// describeToken says what the token's header has, whether it opens, and what then says of its
// content.
func (g *Gateway) describeToken(l *lines, token string,
	then func(*lines, map[string]json.RawMessage, []byte)) {
	h := headerOf(token)
	if h == nil {
		l.unknown("token header", "not readable", "alg, enc, p2c, p2s, kid")
		return
	}
	l.word("token alg", h["alg"], string(algorithm))
	l.word("token enc", h["enc"], string(encryption))
	countable := g.describeP2C(l, h["p2c"])
	salt, _ := text(h["p2s"])
	raw, _ := base64.RawURLEncoding.DecodeString(salt)
	if is := fmt.Sprintf("%d bytes", len(raw)); len(raw) == saltBytes {
		l.asPaper("token p2s", is)
	} else {
		l.add(payment.Observed{What: "token p2s", Is: is, Paper: "16 bytes",
			Fit: fitOf(len(raw) >= minSalt, payment.FitOpen)})
	}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if !slices.Contains([]string{"alg", "enc", "p2c", "p2s", "kid"}, name) {
			l.add(payment.Observed{What: "token " + shown(name), Is: "is there", Paper: "none",
				Fit: fitOf(name != "zip" && name != "crit", payment.FitOpen)})
		}
	}
	var plaintext []byte
	opens := false
	if countable && checkToken(token, anyClient, g.cfg.MaxP2C) == nil {
		for i, key := range g.openKeys {
			if b, err := g.unseal(token, key()); err == nil {
				plaintext, opens = b, true
				l.opened(i)
				break
			}
		}
		if !opens {
			l.differs("token", "does not open with the configured secrets", "", "axs.secret", "")
		}
	}
	g.describeKid(l, h, opens)
	if opens {
		body := stripped(plaintext)
		m, _ := strictjson.Object(body, maxDepth)
		then(l, m, body)
	}
}

// opened says which secret opens the token.
func (l *lines) opened(i int) {
	if i == 0 {
		l.asPaper("token", "opens with axs.secret")
		return
	}
	l.mended("token", "opens with the secret before", "", "axs.previous_secret", "")
}

// describeP2C reports whether the iterations are few enough to be counted.
func (g *Gateway) describeP2C(l *lines, raw json.RawMessage) bool {
	const what, key, paper = "token p2c", "axs.max_p2c", "1000"
	n, err := strconv.Atoi(string(raw))
	switch is := strconv.Itoa(n); {
	case err != nil || n < P2C || len(raw) > 9:
		l.unknown(what, "no number that counts", paper)
		return false
	case n == P2C:
		l.asPaper(what, is)
	case n <= g.cfg.MaxP2C:
		l.mended(what, is, paper, key, is)
	case n <= CeilingP2C:
		l.differs(what, is, paper, key, is)
		return false
	default:
		l.unknown(what, is+", more than any setting allows", paper)
		return false
	}
	return true
}

// describeKid shows a kid where our secret opens the token: then it is AXS's name for us, and else
// a stranger's text.
func (g *Gateway) describeKid(l *lines, h map[string]json.RawMessage, opens bool) {
	const what, paper = "token kid", "the Client ID"
	raw, has := h["kid"]
	id, isText := text(raw)
	switch words := kidInWords(raw); {
	case !has:
		l.add(payment.Observed{What: what, Is: "absent", Paper: paper, Fit: payment.FitOpen})
	case isText && id == g.cfg.ClientID:
		l.asPaper(what, paper)
	case isText && slices.Contains(g.cfg.KeyIDs, id):
		l.mended(what, words, paper, "axs.key_ids", id)
	case opens && words == "kid "+id:
		l.differs(what, words, paper, "axs.key_ids", id)
	default:
		l.unknown(what, "of another client", paper)
	}
}

func headerNames(headers map[string][]string) string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		names = append(names, shown(name))
	}
	return strings.Join(names, ", ")
}

// mediaType is a content type without its parameters.
func mediaType(s string) string {
	t, _, err := mime.ParseMediaType(s)
	if err != nil || len(t) > 64 {
		return "not readable"
	}
	return t
}
