package axs

import (
	"strings"
	"testing"

	"kiosk-agent/payment"
)

func BenchmarkMint(b *testing.B) {
	g, r := newGateway(b), request()
	for b.Loop() {
		if _, err := g.Mint(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	g, e := newGateway(b), byQuery(sealed(b, sample))
	for b.Loop() {
		if _, err := g.Open(e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRefuse is what a stranger can make the agent pay for one delivery.
func BenchmarkRefuse(b *testing.B) {
	token := sealed(b, sample)
	salt := []byte("0123456789abcdef")
	for name, e := range map[string]payment.Envelope{
		"by its header": byQuery(craft(b, `{"alg":"PBES2-HS512+A256KW",`+
			`"enc":"A256GCM","p2s":"MDEyMzQ1Njc4OWFiY2RlZg","p2c":1000000}`, salt, 1, sample)),
		"by its key": byQuery(token[:len(token)-2] + "AA"),
		"no token":   {Method: "POST", Body: []byte(strings.Repeat("data=x&", 64<<10/7))},
	} {
		b.Run(name, func(b *testing.B) {
			g := newGateway(b)
			for b.Loop() {
				if _, err := g.Open(e); err == nil {
					b.Fatal("opened")
				}
			}
		})
	}
}

func BenchmarkAnswer(b *testing.B) {
	plain := "[" + strings.Repeat(queried+",", 5) + queried + "]"
	for name, body := range map[string]string{"plain": plain, "encrypted": sealed(b, plain),
		"not an answer": strings.Repeat("<p>No ", maxAnswer/6)} {
		b.Run(name, func(b *testing.B) {
			g := newGateway(b)
			for b.Loop() {
				if a := g.decodeAnswer([]byte(body)); a.HTTPStatus != 200 {
					b.Fatal(a.Failure)
				}
			}
		})
	}
}
