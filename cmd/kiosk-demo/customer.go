package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"kiosk-agent/internal/app/demo"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
)

// title is the gateway's name.
func title(gateway string) string {
	if gateway == demo.SingaPay {
		return "SingaPay"
	}
	return "AXS"
}

// currency is the gateway's.
func currency(gateway string) payment.Currency {
	if gateway == demo.SingaPay {
		return payment.IDR
	}
	return payment.SGD
}

// phone says what to do in the customer's place.
func phone(gateway string) string {
	if gateway == "axs-qr" {
		return "touch a wallet on the display; then open the payment on the page of the " +
			"simulated AXS, and pay it there: no real wallet can"
	}
	return "scan the code, or open the link that is printed below it"
}

// customer is what a customer of this gateway does with a code.
func (s *sale) customer(gateway string) func(ctx context.Context, code string) error {
	switch gateway {
	case "axs-qr":
		return s.wallet
	case demo.SingaPay:
		return func(ctx context.Context, link string) error {
			return s.browse(ctx, link, link+"/act",
				url.Values{"action": {"pay"}, "method": {"QRIS"}}, "QRIS")
		}
	default:
		return s.phone
	}
}

// phone does what a customer does: opens the link of the code, and presses a button on AXS's page.
func (s *sale) phone(ctx context.Context, link string) error {
	u, err := url.Parse(link)
	if err != nil {
		return err
	}
	form := url.Values{"data": {u.Query().Get("data")}, "action": {"pay"}, "scheme": {"PAYNOW"}}
	u.Path, u.RawQuery = u.Path+"/act", ""
	return s.browse(ctx, link, u.String(), form, "PayNow")
}

// browse opens a page and presses its button.
func (s *sale) browse(ctx context.Context, page, button string, form url.Values, how string) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	client := &http.Client{Jar: jar, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	if err := fetch(ctx, client, http.MethodGet, page, nil); err != nil {
		return err
	}
	s.note("phone", "opened the checkout page")
	if err := fetch(ctx, client, http.MethodPost, button, form); err != nil {
		return err
	}
	s.note("phone", "paid with %s", how)
	return nil
}

// wallet does what the customer's app does with a code: it scans it, and pays.
func (s *sale) wallet(ctx context.Context, code string) error {
	paid, err := s.h.Sandbox.Scan(code)
	if err != nil {
		return err
	}
	s.note("phone", "scanned the code for %s",
		payment.Money{Amount: paid.Amount, Currency: payment.SGD})
	if _, err := s.h.Sandbox.Act(paid.MerchantRef, sandbox.Action{Do: sandbox.Pay}); err != nil {
		return err
	}
	s.note("phone", "paid with %s", paid.Schemes[0].Title())
	return ctx.Err()
}

func fetch(ctx context.Context, client *http.Client, method, target string, form url.Values) error {
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the checkout page answered %s: %.200s", resp.Status, page)
	}
	return err
}

// noteWebhooks adds when the gateway has told of the payment.
func (s *sale) noteWebhooks() {
	add := func(who string, at time.Time, state sandbox.HookState, answer int) {
		if !at.IsZero() {
			s.moments = append(s.moments, moment{at, who,
				fmt.Sprintf("webhook %s, the relay answered %d", state, answer)})
		}
	}
	if s.h.SingaPay != nil {
		for _, w := range s.h.SingaPay.Webhooks() {
			add("SingaPay", w.SentAt, w.State, w.HTTPStatus)
		}
		return
	}
	for _, w := range s.h.Sandbox.Webhooks() {
		add("AXS", w.SentAt, w.State, w.HTTPStatus)
	}
}
