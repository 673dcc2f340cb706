package qr

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"kiosk-agent/test/browser"
)

var scans = flag.Int("scans", 0, "captures of each kind that TestScans takes of each code")

// capture is a phone's picture of a code: how it stands before the screen, and what the way costs.
type capture struct {
	name  string
	blur  float64 // of a Gaussian, in pixels of the screen
	noise float64 // standard deviation, of 255
	tilt  float64 // perspective: how much smaller the far edge is
	turn  float64 // degrees
	white float64 // light of the room on the glass: what black is
}

var captures = []capture{
	{name: "sharp"}, {name: "turned", turn: 7}, {name: "blurred", blur: 1.2},
	{name: "heavily blurred", blur: 1.8}, {name: "noisy", noise: 40},
	{name: "tilted", tilt: 0.15, turn: 3}, {name: "washed out", white: 150, noise: 12},
	{name: "all of it", blur: 1, noise: 18, tilt: 0.08, turn: 5, white: 70},
}

// TestScans compares how often two decoders read the display's code and the reference's, which has
// the best of eight masks, on captures that are made worse in the same way. It takes long, and says
// counts: make scans.
func TestScans(t *testing.T) {
	if *scans == 0 {
		t.Skip("make scans")
	}
	dir := t.TempDir()
	type key struct {
		px             int
		capture, drawn string
	}
	files := map[string]key{}
	texts := map[string]string{}
	for i := range *scans {
		text := link(572 + 89*(i%5))
		for _, level := range []Level{L, M} {
			ours, err := Encode(text, level)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := Reference(text, level)
			if err != nil {
				t.Fatal(err)
			}
			for px := 3; px <= 6; px++ {
				for k, c := range captures {
					for drawn, m := range map[string]*Matrix{"display": ours, "reference": theirs} {
						name := fmt.Sprintf("%d-%s-%d-%d-%s.png", i, level, px, k, drawn)
						c.take(t, m, px, uint64(i*100+k), filepath.Join(dir, name))
						files[name], texts[name] = key{px, c.name, drawn}, text
					}
				}
			}
		}
	}
	read := map[string]map[key]int{"zbar": {}, "zxing": {}}
	total := map[key]int{}
	zxing := readByZxing(t, dir)
	for name, k := range files {
		total[k]++
		picture, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if browser.Read(t, picture) == texts[name] {
			read["zbar"][k]++
		}
		if zxing[name] == texts[name] {
			read["zxing"][k]++
		}
	}
	sum := map[string][2]int{}
	for decoder, counts := range read {
		for px := 3; px <= 6; px++ {
			for _, c := range captures {
				a, b := key{px, c.name, "display"}, key{px, c.name, "reference"}
				t.Logf("%-5s %d px %-15s  display %3d of %3d  reference %3d", decoder, px, c.name,
					counts[a], total[a], counts[b])
				s := sum[decoder]
				sum[decoder] = [2]int{s[0] + counts[a], s[1] + counts[b]}
			}
		}
	}
	for decoder, s := range sum {
		t.Logf("%s: display %d, reference %d of %d each", decoder, s[0], s[1], len(files)/2)
		if float64(s[0]) < 0.98*float64(s[1]) {
			t.Errorf("%s reads the display's codes less often", decoder)
		}
	}
}

// take writes the picture that a camera with as many pixels as the screen takes.
func (c capture) take(t *testing.T, m *Matrix, px int, seed uint64, file string) {
	t.Helper()
	side := (m.Size() + 2*Quiet) * px
	room := side + side/4
	random := rand.New(rand.NewPCG(seed, uint64(px)))
	at := func(x, y float64) float64 { // brightness of the screen, white outside of the code
		mx, my := math.Floor(x/float64(px)), math.Floor(y/float64(px))
		if m.Dark(int(mx)-Quiet, int(my)-Quiet) {
			return c.white
		}
		return 255
	}
	sin, cos := math.Sincos(c.turn * math.Pi / 180)
	middle := float64(room) / 2
	plain := make([]float64, room*room)
	for y := range room {
		for x := range room {
			dx, dy := float64(x)-middle+0.37, float64(y)-middle+0.61
			dx, dy = dx*cos-dy*sin, dx*sin+dy*cos
			scale := 1 + c.tilt*dy/middle
			var light float64 // four samples of a camera's pixel
			for _, s := range [][2]float64{{-.25, -.25}, {.25, -.25}, {-.25, .25}, {.25, .25}} {
				light += at((dx+s[0])*scale+float64(side)/2, (dy+s[1])*scale+float64(side)/2)
			}
			plain[y*room+x] = light / 4
		}
	}
	plain = blurred(plain, room, c.blur)
	img := image.NewGray(image.Rect(0, 0, room, room))
	for i, v := range plain {
		v += random.NormFloat64() * c.noise
		img.Pix[i] = color.Gray{Y: uint8(min(255, max(0, v)))}.Y
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// blurred is a Gaussian in both directions.
func blurred(in []float64, n int, sigma float64) []float64 {
	if sigma == 0 {
		return in
	}
	r := int(math.Ceil(3 * sigma))
	weights, sum := make([]float64, 2*r+1), 0.0
	for i := range weights {
		weights[i] = math.Exp(-float64((i-r)*(i-r)) / (2 * sigma * sigma))
		sum += weights[i]
	}
	pass := func(in []float64, step, across int) []float64 {
		out := make([]float64, len(in))
		for line := range n {
			for i := range n {
				v := 0.0
				for k, w := range weights {
					j := min(n-1, max(0, i+k-r))
					v += w * in[line*across+j*step]
				}
				out[line*across+i*step] = v / sum
			}
		}
		return out
	}
	return pass(pass(in, 1, n), n, 1)
}

// readByZxing is what zxing, the decoder of many phones, reads of each file.
func readByZxing(t *testing.T, dir string) map[string]string {
	t.Helper()
	cmd := exec.Command("node", "read.mjs", dir)
	cmd.Dir = "testdata/zxing"
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var read map[string]string
	if err := json.Unmarshal(out, &read); err != nil {
		t.Fatal(err)
	}
	return read
}
