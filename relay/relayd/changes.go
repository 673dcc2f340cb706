package relayd

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nats-io/nats.go/jetstream"

	"kiosk-agent/internal/secret"
	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
)

// How long what has been replaced stays good.
const (
	maxGrace   = 24 * time.Hour   // a rotated token, at most
	enrolGrace = 15 * time.Minute // the token before an enrolment
	// the hook URL before an enrolment: links under way name it, and gateways repeat
	routeGrace = 24 * time.Hour
	codeLife   = 24 * time.Hour
)

// add stores a new terminal, or a revoked one anew, with a fresh token and route. Its merchant must
// be there: a terminal of one that is misspelt would hear nothing.
func (t *terminals) add(ctx context.Context, id, merchant, epoch string,
	now time.Time) (token secret.Value, route string, err error) {
	if !validID(id) {
		return secret.Value{}, "", ErrTerminalID
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	if m := t.merchant(merchant); merchant != "" && (m == nil || m.RevokedAt != nil) {
		return secret.Value{}, "", ErrMerchantUnknown
	}
	revision := uint64(0)
	if old := t.get(id); old != nil {
		if old.RevokedAt == nil {
			return secret.Value{}, "", ErrTerminalExists
		}
		revision = old.revision
	}
	token, route = secret.Generate(), newRoute()
	r := record{Version: recordVersion, ID: id, Merchant: merchant,
		CreatedAt: relay.Time{Time: now}, Epoch: epoch}
	r.Token, r.Route = sum(token.Reveal()), sum([]byte(route))
	if revision, err = t.write(ctx, rules.Handle(id), r, revision); err != nil {
		return secret.Value{}, "", err
	}
	t.putTerminal(r, revision)
	return token, route, nil
}

// rotate gives a terminal a new token, and a new route if asked to ("" otherwise). The old token
// stays good until the new one is first used, and for grace at most; the old route ends at once,
// and so does a code.
func (t *terminals) rotate(ctx context.Context, id string, withRoute bool, grace time.Duration,
	now time.Time) (token secret.Value, route string, err error) {
	if grace < 0 || grace > maxGrace {
		return secret.Value{}, "", ErrGrace
	}
	token = secret.Generate()
	err = t.change(ctx, id, func(r *record) error {
		if r.RevokedAt != nil {
			return ErrTerminalRevoked
		}
		r.renew(token, now, grace)
		r.Code = nil
		if withRoute {
			route = newRoute()
			r.Route, r.OldRoute = sum([]byte(route)), nil
		}
		return nil
	})
	if err != nil {
		return secret.Value{}, "", err
	}
	return token, route, nil
}

// settle ends the old token of a terminal: its agent has connected with the new one.
func (t *terminals) settle(ctx context.Context, id string, token hash) error {
	if now := t.get(id); now == nil || now.OldToken == nil || hash(now.Token) != token {
		return nil
	}
	return t.change(ctx, id, func(r *record) error {
		if hash(r.Token) == token {
			r.OldToken = nil
		}
		return nil
	})
}

// code makes a terminal's code for one enrolment; an earlier one ends.
func (t *terminals) code(ctx context.Context, id string, now time.Time) (code secret.Value,
	until time.Time, err error) {
	code, until = newCode(), now.Add(codeLife)
	sum, _ := codeHash(string(code.Reveal()))
	err = t.change(ctx, id, func(r *record) error {
		if r.RevokedAt != nil {
			return ErrTerminalRevoked
		}
		r.Code = newPassing(sum[:], until)
		return nil
	})
	if err != nil {
		return secret.Value{}, time.Time{}, err
	}
	return code, until, nil
}

// enrol uses up a code: the terminal has a new token and a new route, and no code. The relay keeps
// hashes only, so the route that it had cannot be told; it stays good for a day. Where id is not
// "", the code must be that terminal's: another's is not used up.
func (t *terminals) enrol(ctx context.Context, code hash, id string, now time.Time) (of record,
	token secret.Value, route string, err error) {
	holder := t.byCode(code)
	if holder == nil {
		return record{}, secret.Value{}, "", ErrCode
	}
	if id != "" && id != holder.ID {
		return record{}, secret.Value{}, "", ErrOtherTerminal
	}
	token, route = secret.Generate(), newRoute()
	err = t.change(ctx, holder.ID, func(r *record) error {
		if r.RevokedAt != nil || !r.Code.is(code, now) {
			return ErrCode
		}
		r.renew(token, now, enrolGrace)
		r.OldRoute = newPassing(r.Route, now.Add(routeGrace))
		r.Route, r.Code = sum([]byte(route)), nil
		return nil
	})
	if err != nil {
		return record{}, secret.Value{}, "", err
	}
	return holder.record, token, route, nil
}

// revoke ends a terminal's tokens, routes and code. What it was sent stays until it ages out.
func (t *terminals) revoke(ctx context.Context, id string, now time.Time) error {
	return t.change(ctx, id, func(r *record) error {
		if r.RevokedAt == nil {
			r.RevokedAt = &relay.Time{Time: now}
		}
		r.OldToken, r.OldRoute, r.Code = nil, nil, nil
		return nil
	})
}

// addMerchant stores a new merchant, or a revoked one anew, with a fresh route.
func (t *terminals) addMerchant(ctx context.Context, name string, now time.Time) (route string,
	err error) {
	if !validID(name) {
		return "", ErrMerchantName
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	revision := uint64(0)
	if old := t.merchant(name); old != nil {
		if old.RevokedAt == nil {
			return "", ErrMerchantExists
		}
		revision = old.revision
	}
	route = newRoute()
	m := merchantRecord{Version: recordVersion, Name: name, Route: sum([]byte(route)),
		CreatedAt: relay.Time{Time: now}}
	if revision, err = t.write(ctx, merchantKey(name), m, revision); err != nil {
		return "", err
	}
	t.putMerchant(m, revision)
	return route, nil
}

// revokeMerchant ends a merchant's route. Its terminals stay, and what they were sent stays until
// it ages out.
func (t *terminals) revokeMerchant(ctx context.Context, name string, now time.Time) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	old := t.merchant(name)
	if old == nil {
		return ErrMerchantUnknown
	}
	if old.RevokedAt != nil {
		return nil
	}
	m := old.merchantRecord
	m.Version, m.RevokedAt = recordVersion, &relay.Time{Time: now}
	revision, err := t.write(ctx, merchantKey(name), m, old.revision)
	if err != nil {
		return err
	}
	t.putMerchant(m, revision)
	return nil
}

// change stores what edit makes of a terminal's record, and indexes it at once.
func (t *terminals) change(ctx context.Context, id string, edit func(*record) error) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	old := t.get(id)
	if old == nil {
		return ErrTerminalUnknown
	}
	r := old.record
	if err := edit(&r); err != nil {
		return err
	}
	r.Version = recordVersion
	revision, err := t.write(ctx, rules.Handle(id), r, old.revision)
	if err != nil {
		return err
	}
	t.putTerminal(r, revision)
	return nil
}

// write stores v where something of this revision stands, or where nothing stands (0), durably.
func (t *terminals) write(ctx context.Context, key string, v any, revision uint64) (uint64, error) {
	value, err := json.Marshal(v)
	if err != nil {
		return 0, err
	}
	if revision == 0 {
		revision, err = t.kv.Create(ctx, key, value)
	} else {
		revision, err = t.kv.Update(ctx, key, value, revision)
	}
	if errors.Is(err, jetstream.ErrKeyExists) {
		return 0, ErrChanged
	}
	if err == nil {
		err = t.names.sync(terminalsStream)
	}
	return revision, err
}

func merchantKey(name string) string { return merchantPrefix + rules.Handle(name) }

func sum(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

func newRoute() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program rather than returning weak bytes
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func validID(id string) bool {
	if id == "" || !utf8.ValidString(id) || utf8.RuneCountInString(id) > maxIDChars {
		return false
	}
	for _, r := range id {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}
