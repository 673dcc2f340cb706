package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
	"kiosk-agent/sandbox/singapay"
)

// SingaPay is the value of Options.Provider for the simulated SingaPay.
const SingaPay = "singapay"

// The names used with SingaPay.
const (
	APIKey    = "demo-api-key"
	AccountID = "01K946KF851RK7FX075GJHBVKF"
)

// Currency is that of the provider.
func (o Options) Currency() payment.Currency {
	if o.Provider == SingaPay {
		return payment.IDR
	}
	return payment.SGD
}

// simulated is a simulated gateway that can be served.
type simulated interface {
	Handler() http.Handler
	Run(ctx context.Context) error
}

// listenSandbox takes the simulated gateway's address, which its links and the configuration name.
func (h *House) listenSandbox(o Options) (err error) {
	if h.sandboxLn, err = net.Listen("tcp", or(o.SandboxListen, anyPort)); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	h.SandboxURL = "http://" + h.sandboxLn.Addr().String()
	return nil
}

// openSandbox makes the simulated gateway. hookURL is what the merchant would write in SingaPay's
// dashboard; AXS finds it in each link.
func (h *House) openSandbox(o Options, hookURL string) error {
	name := "axs.secret"
	if o.Provider == SingaPay {
		name = "singapay.secret"
	}
	key, err := secret.EnsureFile(filepath.Join(o.Dir, name))
	if err != nil {
		return err
	}
	book := ""
	if o.Remember {
		book = filepath.Join(o.Dir, "sandbox.book")
	}
	log := o.Log.With("program", "sandbox")
	if o.Provider == SingaPay {
		h.SingaPay, err = singapay.New(singapay.Config{
			Credentials: []singapay.Credential{{
				Name: o.MerchantName, ClientID: ClientID, APIKey: APIKey, Secret: key,
				Accounts:       []string{AccountID},
				TransactionURL: hookURL, InquiryURL: hookURL, ExpirationURL: hookURL,
			}},
			Book: book, Customer: o.Customer,
		}, log)
		h.simulated = h.SingaPay
		return err
	}
	unknown := sandbox.UnknownEmpty
	if o.Unknown404 {
		unknown = sandbox.Unknown404
	}
	h.Sandbox, err = sandbox.New(sandbox.Config{
		Unknown: unknown,
		Merchants: []sandbox.Merchant{
			{Name: o.MerchantName, ClientID: ClientID, Secret: key, LinkIDs: []string{LinkID},
				Carriage: o.Carriage}},
		Faults: o.Faults, Book: book,
	}, log)
	h.simulated = h.Sandbox
	return err
}

// gatewayConfig is the part of the agent's configuration that is about the gateway.
func (h *House) gatewayConfig(o Options) string {
	codes := h.SandboxURL
	if o.NoGateway {
		codes = "http://127.0.0.1:1" // tcpmux: nobody has it
	}
	if o.Provider == SingaPay {
		return fmt.Sprintf(`[singapay]
base_url = %q
client_id = %q
client_secret = "file:%s"
api_key = %q
account_id = %q
success_url = %q
methods = [%s]
`, codes, ClientID, filepath.Join(o.Dir, "singapay.secret"), APIKey, AccountID, o.SuccessURL,
			quoted(o.Schemes))
	}
	query := ""
	if o.Query {
		query = h.SandboxURL + "/api/hpp/v2/transaction"
	}
	return fmt.Sprintf(`[axs]
payment_link = "%s/hpp/checkout/%s"
client_id = %q
secret = "file:%s"
success_url = %q
query_url = %q
qr_url = "%s/api/hpp/v1/qrcode"
schemes = [%s]
`, h.SandboxURL, LinkID, ClientID, filepath.Join(o.Dir, "axs.secret"), o.SuccessURL, query, codes,
		quoted(o.Schemes))
}

// serveSandbox answers until srv is closed.
func (h *House) serveSandbox(srv *http.Server) error {
	if err := srv.Serve(h.sandboxLn); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
