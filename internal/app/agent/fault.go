package agent

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/conf"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
)

// The codes of the reasons for which an agent is closed.
const (
	codeConfig  = "config_invalid"
	codeSecret  = "secret_invalid"
	codeJournal = "journal_unavailable"
)

// What a closed agent tells at most: a till on a line takes no long answers.
const (
	maxReasons = 6
	maxMessage = 300 // characters
)

// errOtherAgent: the place is taken by a program that works.
var errOtherAgent = errors.New("another kiosk-agent answers")

// Hopeless reports whether err leaves nothing to serve: another agent runs here, or the screen's or
// the tills' address is taken. Such a process ends, and the service manager tries again.
func Hopeless(err error) bool {
	if errors.Is(err, offline.ErrLocked) || errors.Is(err, errOtherAgent) {
		return true
	}
	l, ok := errors.AsType[*ListenError](err)
	return ok && (l.Key == keyTills || l.Key == keyDisplay)
}

// Reasons are err in the words of terminal.status: one for each mistake. err is of config.Salvage,
// Check or New; c is the configuration that it is about, nil where there is none.
func Reasons(c *config.Config, err error) (rs []payment.Reason) {
	each(err, func(err error) {
		if ps, ok := errors.AsType[conf.Problems](err); ok {
			for _, p := range ps {
				rs = append(rs, problem(p))
			}
			return
		}
		rs = append(rs, reason(c, err))
	})
	return rs
}

// each visits the errors that were joined, one by one. An error of the journal joins its kind and
// its cause, and is one.
func each(err error, visit func(error)) {
	joined, many := err.(interface{ Unwrap() []error })
	if _, journal := errors.AsType[*offline.Error](err); !many || journal {
		visit(err)
		return
	}
	for _, e := range joined.Unwrap() {
		each(e, visit)
	}
}

func problem(p conf.Problem) payment.Reason {
	hint := p.Hint
	if hint == "" {
		hint = "mend the file: kiosk-agent check-config"
	}
	p.Hint = ""
	return payment.Reason{Code: codeConfig, Message: p.String(), Hint: hint}
}

func reason(c *config.Config, err error) payment.Reason {
	if e, ok := errors.AsType[*offline.Error](err); ok {
		bare := *e
		bare.Hint = ""
		return payment.Reason{Code: codeJournal, Message: bare.Error(),
			Hint: cmp.Or(e.Hint, "look with kiosk-agent journal verify")}
	}
	r := payment.Reason{Code: codeConfig, Message: located(c, err),
		Hint: "mend it: kiosk-agent check-config"}
	if secretFault(c, err) {
		r.Code, r.Hint = codeSecret, "put the secret there, readable for the agent's user "+
			"only: chmod 0600; then kiosk-agent check-config"
	}
	return r
}

// secretFault reports whether err says that a secret cannot be had, or that the gateway cannot work
// with its own.
func secretFault(c *config.Config, err error) bool {
	if _, missing := errors.AsType[*gateways.SecretError](err); missing || c == nil {
		return missing
	}
	g, unknown := c.Gateway()
	return unknown == nil && g.SecretFault(err)
}

func located(c *config.Config, err error) string {
	if c == nil || c.Path() == "" {
		return err.Error()
	}
	return strings.ReplaceAll(c.Locate(err).Error(), "\n", "; ")
}

// clipped are the first reasons, each short enough for every till.
func clipped(rs []payment.Reason) []payment.Reason {
	rs = slices.Clone(rs[:min(len(rs), maxReasons)])
	for i := range rs {
		if text := []rune(rs[i].Message); len(text) > maxMessage {
			rs[i].Message = string(text[:maxMessage]) + "…"
		}
	}
	return rs
}
