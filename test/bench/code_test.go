package bench_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"kiosk-agent/ui/qr"
)

// link is a checkout link of n bytes, as AXS's are: a token in base64url.
func link(n int) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	text := []byte("https://checkout.example.com/hpp/checkout/0123456789?data=")
	for len(text) < n {
		text = append(text, digits[rand.IntN(len(digits))])
	}
	return string(text)
}

// drawing is a link with the level chosen, beside the encoder alone and the one that tries every
// mask. Each sample is the mean of a few: one is too short for a clock.
func drawing(t testing.TB, s scale) sides {
	all := sides{}
	for i := range s.reps {
		text := link(570 + 40*(i%10))
		chosen, err := qr.Fit(text, 984)
		if err != nil {
			t.Fatal(err)
		}
		for _, side := range []struct {
			name  string
			times int
			draw  func() (*qr.Matrix, error)
		}{
			{"ours", 10, func() (*qr.Matrix, error) {
				c, err := qr.Fit(text, 984)
				if err != nil {
					return nil, err
				}
				return c.Draw(text)
			}},
			{"encoder", 10, func() (*qr.Matrix, error) { return qr.Encode(text, chosen.Level) }},
			{"eight masks", 1, func() (*qr.Matrix, error) {
				return qr.Reference(text, chosen.Level)
			}},
		} {
			begun := time.Now()
			for range side.times {
				if _, err := side.draw(); err != nil {
					t.Fatal(err)
				}
			}
			all[side.name] = append(all[side.name],
				ms(time.Since(begun))/float64(side.times))
		}
	}
	return all
}
