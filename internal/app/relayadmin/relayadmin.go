// Package relayadmin is what the operator commands say to a running relay, on its admin API, and
// print of its answers: terminals, merchants, tokens and codes.
//
// It keeps nothing: tokens and hook URLs are printed once and are nowhere else. One command uses a
// Client.
package relayadmin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"time"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/relayconf"
	"kiosk-agent/internal/secret"
)

// Client asks the relay of one configuration file.
type Client struct {
	Path    string    // of the configuration
	CredDir string    // $CREDENTIALS_DIRECTORY
	JSON    bool      // print JSON
	Out     io.Writer // for the answers
}

func (c Client) print(v any) error {
	enc := json.NewEncoder(exit.JSON(c.Out))
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// call asks the running relay that the configuration file names.
func (c Client) call(ctx context.Context, method, below string, in, out any) error {
	cfg, err := relayconf.Load(c.Path)
	if err != nil {
		return err
	}
	token, err := secret.Resolve(cfg.Admin.Token, c.CredDir)
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
	addr, client := way(cfg.Admin)
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+"/admin/v1/"+below,
		bytes.NewReader(body))
	if err != nil {
		return err
	}
	return send(client, req, token, out)
}

// way is how the admin API is reached: a name of it for a URL, and a client. No proxy: this is our
// own machine.
func way(c relayconf.Admin) (addr string, client *http.Client) {
	transport := &http.Transport{DisableKeepAlives: true}
	if c.Socket == "" {
		return dialable(c.Listen), &http.Client{Transport: transport}
	}
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", c.Socket)
	}
	return "admin.socket", &http.Client{Transport: transport}
}

func send(client *http.Client, req *http.Request, token secret.Value, out any) error {
	req.Header.Set("Authorization", "Bearer "+string(token.Reveal()))
	res, err := client.Do(req)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: run this as the relay's user or as root", errors.Unwrap(err))
	}
	if err != nil {
		return fmt.Errorf("no relay answers: is \"kiosk-relay serve\" running with the same "+
			"--config? (%w)", errors.Unwrap(err))
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
	return fmt.Errorf("the relay answered %s: is that the relay of this configuration?",
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
