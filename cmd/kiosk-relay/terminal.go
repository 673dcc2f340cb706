package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/internal/app/relayconf"
	"kiosk-agent/internal/secret"
	"kiosk-agent/relay/relayd"
)

func terminalCommand(path *string, stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use: "terminal", Short: "Add, list, enrol, rotate and revoke terminals of a running relay",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("a terminal command is missing: add, code, list, revoke or rotate")
		},
	}
	var asJSON bool
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print JSON")

	var req relayd.TerminalRequest
	add := &cobra.Command{
		Use: "add ID", Short: "Add a terminal; prints its token and hook URL, once",
		Args: manual.Operands("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.ID = args[0]
			return printSecrets(cmd.Context(), *path, "add", req, asJSON, stdout)
		},
	}
	add.Flags().StringVar(&req.Merchant, "merchant", "",
		"the `NAME` of the merchant whose hooks it reads too; see kiosk-relay merchant")
	var grace time.Duration
	rotate := &cobra.Command{
		Use: "rotate ID", Short: "Give a terminal a new token", Args: manual.Operands("ID"),
		Long: `Give a terminal a new token. The old one works until the kiosk first connects
with the new one, and for --grace at most.

If a token may have been stolen: --grace 0.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if grace < 0 || grace%time.Second != 0 {
				return errors.New("--grace: whole seconds, for example 15m, or 0")
			}
			req.ID, req.GraceS = args[0], int64(grace/time.Second)
			return printSecrets(cmd.Context(), *path, "rotate", req, asJSON, stdout)
		},
	}
	rotate.Flags().BoolVar(&req.Route, "route", false,
		"a new hook URL too: change it at the gateway at once")
	rotate.Flags().DurationVar(&grace, "grace", 15*time.Minute,
		"how long the old token works if the new one is not used; 0 to 24h")
	code := &cobra.Command{
		Use: "code ID", Short: "Make a one-time code with which a kiosk enrols as this terminal",
		Args: manual.Operands("ID"),
		Long: `Make a one-time code with which a kiosk enrols as this terminal, within 24
hours; an earlier code ends. Enrolling gives the terminal a new token and a new
hook URL. The token before works until the kiosk connects with the new one, 15
minutes at most; the hook URL before works for another 24 hours.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return printCode(cmd.Context(), *path, args[0], asJSON, stdout)
		},
	}
	revoke := &cobra.Command{
		Use: "revoke ID", Short: "End a terminal's token, connection, hook URL and code",
		Args: manual.Operands("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := call(cmd.Context(), *path, http.MethodPost, "terminals/revoke",
				relayd.TerminalRequest{ID: args[0]}, nil); err != nil {
				return exit.Failed(err)
			}
			fmt.Fprintf(stdout, "terminal %s is revoked\n", strconv.Quote(args[0]))
			return nil
		},
	}
	list := &cobra.Command{
		Use: "list", Short: "List the terminals", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return printList(cmd.Context(), *path, asJSON, stdout)
		},
	}
	cmd.AddCommand(add, code, list, revoke, rotate)
	return cmd
}

func printSecrets(ctx context.Context, path, what string, req relayd.TerminalRequest, asJSON bool,
	w io.Writer) error {
	var out relayd.TerminalSecrets
	if err := call(ctx, path, http.MethodPost, "terminals/"+what, req, &out); err != nil {
		return exit.Failed(err)
	}
	if asJSON {
		return printJSON(w, out)
	}
	fmt.Fprintf(w, "terminal: %s\ntoken:    %s\n", out.ID, out.Token)
	if out.HookURL != "" {
		fmt.Fprintf(w, "hook URL: %s\n", out.HookURL)
	}
	if out.Merchant != "" {
		fmt.Fprintf(w, "merchant: %s (its hook URL reaches this terminal too)\n", out.Merchant)
	}
	fmt.Fprintln(w, "These are shown only now. Both are secrets: the token opens the kiosk's\n"+
		"connection, and whoever has the hook URL can post to it.")
	return nil
}

func printCode(ctx context.Context, path, id string, asJSON bool, w io.Writer) error {
	var out relayd.TerminalEnrolment
	if err := call(ctx, path, http.MethodPost, "terminals/code", relayd.TerminalRequest{ID: id},
		&out); err != nil {
		return exit.Failed(err)
	}
	if asJSON {
		return printJSON(w, out)
	}
	fmt.Fprintf(w, "terminal: %s\ncode:     %s\nexpires:  %s UTC\n", out.ID, out.Code,
		out.ExpiresAt.Format(time.DateTime))
	fmt.Fprintln(w, "It is shown only now and works once. Whoever has it first is this terminal:\n"+
		"give it to the kiosk alone.")
	return nil
}

func printList(ctx context.Context, path string, asJSON bool, w io.Writer) error {
	var out []relayd.TerminalInfo
	if err := call(ctx, path, http.MethodGet, "terminals", nil, &out); err != nil {
		return exit.Failed(err)
	}
	if asJSON {
		return printJSON(w, out)
	}
	tab := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
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

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// call asks the running relay that the configuration file names.
func call(ctx context.Context, path, method, below string, in, out any) error {
	cfg, err := relayconf.Load(path)
	if err != nil {
		return err
	}
	token, err := adminToken(cfg.Admin.Token, false)
	if err != nil {
		return fmt.Errorf("admin.token: %w (the relay makes it at its first start; run this as "+
			"the relay's user or as root)", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	addr := dialable(cfg.Admin.Listen)
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+"/admin/v1/"+below,
		bytes.NewReader(body))
	if err != nil {
		return err
	}
	return send(req, token, addr, out)
}

func send(req *http.Request, token secret.Value, addr string, out any) error {
	req.Header.Set("Authorization", "Bearer "+string(token.Reveal()))
	// no proxy: this is our own machine
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("no relay answers at admin.listen %s: is \"kiosk-relay serve\" "+
			"running with the same --config? (%w)", addr, errors.Unwrap(err))
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("read the relay's answer: %w", err)
	}
	if res.StatusCode == http.StatusOK {
		if out == nil {
			return nil
		}
		return json.Unmarshal(data, out)
	}
	var failed struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(data, &failed) == nil && failed.Error != "" {
		return errors.New(failed.Error)
	}
	return fmt.Errorf("the relay at %s answered %s: is that the relay of this configuration?", addr,
		res.Status)
}

// dialable turns a listener's address into one to connect to.
func dialable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
