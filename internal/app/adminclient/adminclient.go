// Package adminclient asks the agent that runs on this machine, on its admin socket, for the
// operator commands.
//
// It knows no question and keeps no connection. Its functions may be called at once.
package adminclient

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

	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/rights"
)

// within bounds one question.
const within = 15 * time.Second

// on is a client of a Unix socket.
func on(socket string) *http.Client {
	return &http.Client{Timeout: within, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return rights.Dial(ctx, socket)
		},
	}}
}

// Get asks the running agent and decodes the answer. A refusal is an *agent.AdminError.
func Get(ctx context.Context, socket, path string, into any) error {
	return ask(ctx, socket, http.MethodGet, path, nil, into)
}

// Post tells the running agent something, as Get asks.
func Post(ctx context.Context, socket, path string, body, into any) error {
	return ask(ctx, socket, http.MethodPost, path, body, into)
}

func ask(ctx context.Context, socket, method, path string, body, into any) error {
	client := on(socket)
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, content)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf(
			"this user may not ask the agent on %s: %w (run this as root or as the agent's user)",
			socket, fs.ErrPermission)
	}
	if err != nil {
		return fmt.Errorf(
			"the agent does not answer on %s: %w (is it running? systemctl status kiosk-agent)",
			socket, err)
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(io.LimitReader(resp.Body, 1<<20))
	if resp.StatusCode == http.StatusOK {
		return dec.Decode(into)
	}
	refused := new(agent.AdminError)
	if err := dec.Decode(refused); err != nil || refused.Message == "" {
		return fmt.Errorf("the agent answered %s", resp.Status)
	}
	return refused
}

// Fetch is what the running agent answers on its admin socket, as it is.
func Fetch(ctx context.Context, socket, path string) ([]byte, error) {
	client := on(socket)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://admin"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the agent does not answer: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the agent answers %s", resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, 4<<20))
}
