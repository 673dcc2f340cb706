package relay

import (
	"errors"
	"slices"
)

// Longest texts that the wire accepts, in bytes; all are far above what either program writes.
const (
	maxIDLen    = 64
	maxHashLen  = 128
	maxAgentLen = 128
	maxAccepts  = 64 // names
)

func (p Position) check() error {
	if !plain(p.Epoch, 1, maxIDLen) || !plain(p.ID, 1, maxIDLen) || p.Seq == 0 {
		return errors.New("position out of range")
	}
	return nil
}

func (h Head) check() error {
	if !plain(h.JournalID, 1, maxIDLen) || !plain(h.Hash, 0, maxHashLen) {
		return errors.New("journal head out of range")
	}
	return nil
}

func (h Hello) check() error {
	if h.Position != nil {
		if err := h.Position.check(); err != nil {
			return err
		}
	}
	if h.Supersedes != nil {
		if err := h.Supersedes.check(); err != nil {
			return err
		}
	}
	if !plain(h.Agent, 0, maxAgentLen) {
		return errors.New("agent out of range")
	}
	if !names(h.Accepts) {
		return errors.New("accepts out of range")
	}
	return h.Journal.check()
}

func (m HeadMessage) check() error { return m.Journal.check() }

// names reports whether a list of what a side accepts can be one.
func names(list []string) bool {
	return len(list) <= maxAccepts &&
		!slices.ContainsFunc(list, func(s string) bool { return !plain(s, 1, maxIDLen) })
}

func (a Ack) check() error {
	return errors.Join(a.Position.check(), a.Journal.check())
}

func (w Welcome) check() error {
	if !plain(w.Epoch, 1, maxIDLen) || w.Now.IsZero() || w.RetentionS < 0 || w.InFlight < 0 ||
		w.PingS < 0 || !names(w.Accepts) ||
		w.Terminal != "" && !validHandle(w.Terminal) {
		return errors.New("field out of range")
	}
	if w.Head != nil {
		return w.Head.check()
	}
	return nil
}

func (g Gap) check() error {
	if !plain(g.Reason, 1, maxIDLen) {
		return errors.New("reason out of range")
	}
	if g.Position != nil {
		return g.Position.check()
	}
	return nil
}

func (d Delivery) check() error {
	switch d.Kind {
	case KindHook, KindMark, KindCanary:
	default:
		return errors.New("unknown kind")
	}
	if len(d.Hook.Body) > MaxHookBody || len(d.Nonce) > MaxCanaryLen || d.ReceivedAt.IsZero() {
		return errors.New("content out of range")
	}
	return d.Position.check()
}

// ValidNonce reports whether a canary header's value is one that an agent makes: 16 to 64 base64url
// characters.
func ValidNonce(s string) bool {
	return base64url(s, 16, MaxCanaryLen)
}

// validHandle reports whether a text can be sent as TerminalHeader.
func validHandle(s string) bool { return base64url(s, 1, MaxHandleLen) }

func base64url(s string, least, most int) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' &&
			c != '_' {
			return false
		}
	}
	return true
}

// plain reports whether s is printable ASCII within the given length.
func plain(s string, least, most int) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for _, c := range []byte(s) {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}
