package qr

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// What is told without asking the reference is what it says, whatever the text.
func TestPlainVersionIsTheReferences(t *testing.T) {
	t.Parallel()
	alphabets := []string{"0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", "abcxyz_=&?",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"}
	told := 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		var b strings.Builder
		for n := 1 + r.IntN(1100); b.Len() < n; {
			letters := alphabets[r.IntN(len(alphabets))]
			for range 1 + r.IntN(1+r.IntN(200)) {
				b.WriteByte(letters[r.IntN(len(letters))])
			}
		}
		told += agrees(t, b.String())
	}
	if told < 1000 {
		t.Errorf("it is told for %d of 12 000 only", told)
	}
}

// A link's version is told nearly always: asking takes as long as everything else on a till's way.
func TestLinksArePlain(t *testing.T) {
	t.Parallel()
	told, all := 0, 0
	for n := 560; n < 960; n++ {
		told += agrees(t, link(n))
		all += 4
	}
	if told*100 < all*95 {
		t.Errorf("it is told for %d of %d", told, all)
	}
}

// agrees compares all levels, and counts those at which the version is told.
func agrees(t *testing.T, text string) (told int) {
	t.Helper()
	for level := L; level <= H; level++ {
		v, ok := plainVersion(text, level)
		if !ok {
			continue
		}
		told++
		code, err := newCode(text, level)
		if err != nil || code.VersionNumber != v {
			t.Errorf("%d at %s: told %d, the reference: %v", len(text), level, v,
				fmt.Sprint(err, code))
		}
	}
	return told
}

func FuzzPlainVersion(f *testing.F) {
	for _, text := range []string{"", "1", "kopi" + strings.Repeat("7", 200) + "kopi", link(700)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { agrees(t, text) })
}
