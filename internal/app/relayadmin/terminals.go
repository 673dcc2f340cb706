package relayadmin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"text/tabwriter"
	"time"

	"kiosk-agent/internal/invisible"
	"kiosk-agent/internal/webaddr"
	"kiosk-agent/relay/relayd"
)

// AddTerminal adds a terminal and prints its token and hook URL. Its id is one that a kiosk can
// have.
func (c Client) AddTerminal(ctx context.Context, req relayd.TerminalRequest) error {
	if f, wrong := invisible.Alone([]byte(req.ID)); wrong {
		return fmt.Errorf("the id %s: type it anew", f.What)
	}
	if !webaddr.Name(req.ID) {
		return errors.New("a terminal's id is 1 to 32 characters, all of them printable " +
			"ASCII: the kiosk's configuration (terminal.id) takes no other")
	}
	return c.secrets(ctx, "add", req)
}

// RotateTerminal gives a terminal a new token and prints it.
func (c Client) RotateTerminal(ctx context.Context, req relayd.TerminalRequest) error {
	return c.secrets(ctx, "rotate", req)
}

// RevokeTerminal ends what a terminal has.
func (c Client) RevokeTerminal(ctx context.Context, id string) error {
	if err := c.call(ctx, http.MethodPost, "terminals/revoke", relayd.TerminalRequest{ID: id},
		nil); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "terminal %s is revoked\n", strconv.Quote(id))
	return nil
}

func (c Client) secrets(ctx context.Context, what string, req relayd.TerminalRequest) error {
	var out relayd.TerminalSecrets
	if err := c.call(ctx, http.MethodPost, "terminals/"+what, req, &out); err != nil {
		return err
	}
	if c.JSON {
		return c.print(out)
	}
	fmt.Fprintf(c.Out, "terminal: %s\ntoken:    %s\n", out.ID, out.Token)
	if out.HookURL != "" {
		fmt.Fprintf(c.Out, "hook URL: %s\n", out.HookURL)
	}
	if out.Merchant != "" {
		fmt.Fprintf(c.Out, "merchant: %s (its hook URL reaches this terminal too)\n", out.Merchant)
	}
	fmt.Fprintln(c.Out, "These are shown only now. Both are secrets: the token opens the kiosk's\n"+
		"connection, and whoever has the hook URL can post to it.")
	return nil
}

// Code makes a code with which a kiosk enrols as this terminal, and prints it.
func (c Client) Code(ctx context.Context, id string) error {
	var out relayd.TerminalEnrolment
	if err := c.call(ctx, http.MethodPost, "terminals/code", relayd.TerminalRequest{ID: id},
		&out); err != nil {
		return err
	}
	if c.JSON {
		return c.print(out)
	}
	fmt.Fprintf(c.Out, "terminal: %s\ncode:     %s\nexpires:  %s UTC\n", out.ID, out.Code,
		out.ExpiresAt.Format(time.DateTime))
	fmt.Fprintln(c.Out, "It is shown only now and works once. Whoever has it first is this "+
		"terminal:\ngive it to the kiosk alone.")
	return nil
}

// Terminals lists the terminals.
func (c Client) Terminals(ctx context.Context) error {
	var out []relayd.TerminalInfo
	if err := c.call(ctx, http.MethodGet, "terminals", nil, &out); err != nil {
		return err
	}
	if c.JSON {
		return c.print(out)
	}
	tab := tabwriter.NewWriter(c.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tab, "ID\tMERCHANT\tCREATED\tSTATE")
	for _, t := range out {
		state := "not connected"
		switch {
		case t.RevokedAt != nil:
			state = "revoked " + t.RevokedAt.Format(time.DateTime)
		case t.Connected:
			state = "connected"
		}
		if t.CodeUntil != nil {
			state += ", code open until " + t.CodeUntil.Format(time.DateTime)
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\n", t.ID, t.Merchant, t.CreatedAt.Format(time.DateTime),
			state)
	}
	return tab.Flush()
}
