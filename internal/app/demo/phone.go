package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// phone opens pages and presses their buttons, as a customer's does.
type phone struct{ client *http.Client }

func newPhone() (phone, error) {
	jar, err := cookiejar.New(nil)
	return phone{&http.Client{Jar: jar, Timeout: 10 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: true}}}, err
}

func (p phone) open(ctx context.Context, page string) error {
	return p.fetch(ctx, http.MethodGet, page, nil)
}

func (p phone) press(ctx context.Context, button string, form url.Values) error {
	return p.fetch(ctx, http.MethodPost, button, form)
}

func (p phone) fetch(ctx context.Context, method, target string, form url.Values) error {
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the checkout page answered %s: %.600s", resp.Status, page)
	}
	return err
}
