package singapay

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// grant is what an access token stands for.
type grant struct {
	owner *Credential
	ends  time.Time
}

func unauthorized(why string) answer { return refused(http.StatusUnauthorized, "SP013", why) }

// issue answers POST /api/v1.1/access-token/b2b. The caller holds s.mu.
func (s *Server) issue(c *call) answer {
	owner := s.byKey(c.r.Header.Get("X-PARTNER-ID"))
	if owner == nil || c.r.Header.Get("X-CLIENT-ID") != owner.ClientID {
		return unauthorized("Unauthorized")
	}
	key := owner.Secret.Reveal()
	signature := c.r.Header.Get("X-Signature")
	if signature != tokenSignature(owner.ClientID, key, c.now) {
		for _, days := range []int{-1, 1} {
			if signature == tokenSignature(owner.ClientID, key, c.now.AddDate(0, 0, days)) {
				return unauthorized("Invalid signature: the date is not today's in Asia/Jakarta")
			}
		}
		return unauthorized("Invalid signature")
	}
	return s.grant(c, owner)
}

// issueBasic answers the legacy POST /api/v1.0/access-token/b2b. The caller holds s.mu.
func (s *Server) issueBasic(c *call) answer {
	owner := s.byKey(c.r.Header.Get("X-PARTNER-ID"))
	user, password, given := c.r.BasicAuth()
	if owner == nil || !given || user != owner.ClientID ||
		password != string(owner.Secret.Reveal()) {
		return unauthorized("Unauthorized")
	}
	return s.grant(c, owner)
}

func (s *Server) grant(c *call, owner *Credential) answer {
	if kind := c.fields.text("grant_type", true, 64); len(c.fields.errors) == 0 &&
		kind != "client_credentials" {
		c.fields.bad("grant_type", "selected is invalid")
	}
	if len(c.fields.errors) > 0 {
		return invalid(c.fields.errors)
	}
	for token, g := range s.tokens {
		if !c.now.Before(g.ends) {
			delete(s.tokens, token)
		}
	}
	ends := c.now.Add(s.cfg.TokenLife)
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	token := part(`{"typ":"JWT","alg":"HS256"}`) + "." +
		part(fmt.Sprintf(`{"iat":%d,"exp":%d}`, c.now.Unix(), ends.Unix())) + "." +
		s.text(43, len(alphabet))
	s.tokens[token] = grant{owner: owner, ends: ends}
	seconds := int64(s.cfg.TokenLife / time.Second)
	data := object{"access_token": token, "token_type": "Bearer", "expires_in": fmt.Sprint(seconds)}
	if s.cfg.ExpiresInNumber {
		data["expires_in"] = seconds
	}
	return ok(data)
}

func (s *Server) byKey(key string) *Credential {
	for i := range s.cfg.Credentials {
		if s.cfg.Credentials[i].APIKey == key {
			return &s.cfg.Credentials[i]
		}
	}
	return nil
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// authorize finds the credential behind a call. The caller holds s.mu.
func (s *Server) authorize(c *call) (answer, bool) {
	g, known := s.tokens[bearer(c.r)]
	if !known || !c.now.Before(g.ends) {
		return unauthorized("Unauthorized or expired token"), false
	}
	if c.r.Header.Get("X-PARTNER-ID") != g.owner.APIKey {
		return unauthorized("Unauthorized: X-PARTNER-ID is not the token's"), false
	}
	c.owner = g.owner
	return answer{}, true
}

// account finds the account of a path and checks that the credential owns it. The caller holds
// s.mu.
func (s *Server) account(c *call) (*account, answer, bool) {
	a := s.accounts[c.r.PathValue("account")]
	if a == nil {
		return nil, refused(http.StatusNotFound, "SP020", "Merchant account not found"), false
	}
	if a.owner != c.owner {
		return nil, wrongOwner(), false
	}
	return a, answer{}, true
}

func wrongOwner() answer {
	return coded(http.StatusForbidden, "SP403", "This credential is not assigned to the account")
}
