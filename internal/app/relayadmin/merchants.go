package relayadmin

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"text/tabwriter"
	"time"

	"kiosk-agent/relay/relayd"
)

// RevokeMerchant ends a merchant's hook URL.
func (c Client) RevokeMerchant(ctx context.Context, name string) error {
	if err := c.call(ctx, http.MethodPost, "merchants/revoke", relayd.MerchantRequest{Name: name},
		nil); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "merchant %s is revoked\n", strconv.Quote(name))
	return nil
}

// AddMerchant adds a merchant, or a revoked one anew, and prints its hook URL.
func (c Client) AddMerchant(ctx context.Context, name string) error {
	var out relayd.MerchantSecrets
	if err := c.call(ctx, http.MethodPost, "merchants/add", relayd.MerchantRequest{Name: name},
		&out); err != nil {
		return err
	}
	if c.JSON {
		return c.print(out)
	}
	fmt.Fprintf(c.Out, "merchant: %s\nhook URL: %s\n", out.Name, out.HookURL)
	fmt.Fprintln(c.Out, "It is shown only now, and a secret: whoever has it can post to every\n"+
		"terminal of this merchant. Enter it at the gateway, and as relay.hook_url on each\n"+
		"of the merchant's kiosks.")
	return nil
}

// Merchants lists the merchants.
func (c Client) Merchants(ctx context.Context) error {
	var out []relayd.MerchantInfo
	if err := c.call(ctx, http.MethodGet, "merchants", nil, &out); err != nil {
		return err
	}
	if c.JSON {
		return c.print(out)
	}
	tab := tabwriter.NewWriter(c.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tab, "NAME\tTERMINALS\tCREATED\tSTATE")
	for _, m := range out {
		state := "active"
		if m.RevokedAt != nil {
			state = "revoked " + m.RevokedAt.Format(time.DateTime)
		}
		fmt.Fprintf(tab, "%s\t%d\t%s\t%s\n", m.Name, m.Terminals, m.CreatedAt.Format(time.DateTime),
			state)
	}
	return tab.Flush()
}
