package singapay

import (
	"context"
	"errors"
	"net/http"
)

// Close ends a payment link, so that nobody begins to pay it any more; providerRef is
// Minted.ProviderRef. It is a help and no proof: a customer who has been given an account number or
// a code by SingaPay's page may still be able to pay it. The error says why there is no telling
// that the link is closed; its text is safe to log. A QRIS code cannot be closed: it ends at its
// time.
func (g *Gateway) Close(ctx context.Context, providerRef string) error {
	if _, ok := providerID(providerRef, qrPrefix); ok {
		return errors.New("a QRIS code cannot be closed, it ends at its time")
	}
	linkID, ok := providerID(providerRef, linkPrefix)
	if !ok {
		return errors.New("this names no payment link")
	}
	ctx, cancel := within(ctx, g.cfg.QueryTimeout)
	defer cancel()
	return g.close(ctx, linkID)
}

func (g *Gateway) close(ctx context.Context, linkID string) error {
	a := g.call(ctx, request{client: g.client, method: http.MethodPut, path: updatePath + linkID,
		body: []byte(`{"status":"closed"}`)})
	if a.failure != "" {
		return errors.New(a.failure)
	}
	switch l := g.linkOf(g.object(a)); {
	case l.id != linkID:
		return errors.New("the answer is about another link")
	case l.status != "closed" && l.status != "expired":
		return errors.New("the link is not closed")
	}
	return nil
}
