package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"kiosk-agent/internal/secret"
)

// AskHead asks the relay at url (wss://HOST, as for the client) for the newest journal head that it
// was told of by the terminal of this token; nil when it knows none.
func AskHead(ctx context.Context, url string, token secret.Value) (*Head, error) {
	base := "http" + strings.TrimPrefix(strings.TrimRight(url, "/"), "ws") // wss → https
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/v1/head", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+string(token.Reveal()))
	client := http.Client{
		Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		// no proxy, whatever the environment says: the token is for the relay alone
		Transport: &http.Transport{DisableKeepAlives: true},
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the relay answered %s", resp.Status)
	}
	var answer struct {
		Head *Head `json:"head"`
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&answer)
	return answer.Head, err
}
