package agent

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/conf"
	"kiosk-agent/internal/ports"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
)

// What a closed agent tells at most: a till on a line takes no long answers.
const (
	maxReasons = 6
	maxMessage = 300 // characters
)

// Hopeless reports whether err leaves nothing to serve: another agent runs here. Such a process
// ends, and the service manager tries again.
func Hopeless(err error) bool {
	return errors.Is(err, offline.ErrLocked) || errors.Is(err, ports.ErrAnswered)
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
	r := payment.NotReadyConfig.Reason("")
	r.Message, r.Hint = p.String(), hint
	return r
}

func reason(c *config.Config, err error) payment.Reason {
	if e, ok := errors.AsType[*offline.Error](err); ok {
		bare := *e
		bare.Hint = ""
		r := payment.NotReadyJournal.Reason("")
		r.Message, r.Hint = bare.Error(), cmp.Or(e.Hint, "look with kiosk-agent journal verify")
		r.RetryAfter = 0 // that is for a disk that is full now
		return r
	}
	r := payment.NotReadyConfig.Reason("")
	if secretFault(c, err) {
		r = payment.NotReadySecret.Reason("")
	}
	if e, ok := errors.AsType[*gateways.SecretError](err); ok && e.Mend() != "" {
		r.Hint, err = e.Mend(), errors.New(e.Bare())
	}
	r.Message = located(c, err)
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
