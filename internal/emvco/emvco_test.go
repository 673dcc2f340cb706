package emvco

import (
	"strings"
	"testing"
)

// qris is the code of SingaPay's page, made out for 50 000 rupiah: its checksum does not hold.
const qris = "00020101021226620015ID.SINGAPAY.WWW0118936012070412260002021035224094080303UME" +
	"51440014ID.CO.QRIS.WWW02153559174130477690303UME5204601153033605405500005802ID5903eos" +
	"6005DEPOK6105746786221051017730486640703C0163044D76"

func sealed(text string) string { return text + "6304" + checksum(text+"6304") }

func TestCheck(t *testing.T) {
	sgd := Want{Currency: "702", Amount: 1023, Decimals: 2, Whole: true}
	idr := Want{Currency: "360", Amount: 50_000}
	good := sealed("00020153037025405" + "10.23")
	for name, tc := range map[string]struct {
		text string
		want Want
		said string
	}{
		"as asked": {good, sgd, ""}, "small letters": {strings.ToLower(good), sgd, ""},
		"a page's":        {qris, idr, ""},
		"one digit":       {sealed("00020153037025404" + "10.2"), sgd, "is for another amount"},
		"more digits":     {sealed("00020153037025407" + "10.2300"), sgd, ""},
		"a hair more":     {sealed("00020153037025406" + "10.231"), sgd, "is for another amount"},
		"ten times":       {sealed("00020153037025406" + "102.30"), sgd, "is for another amount"},
		"no decimals":     {sealed("00020153037025404" + "1023"), sgd, "is for another amount"},
		"a sign":          {sealed("00020153037025406" + "+10.23"), sgd, "is for another amount"},
		"only decimals":   {sealed("00020153037025403" + ".23"), sgd, "is for another amount"},
		"two points":      {sealed("00020153037025407" + "10.23.0"), sgd, "is for another amount"},
		"rupiah":          {sealed("00020153033605405" + "10.23"), sgd, "is in another currency"},
		"no amount":       {sealed("0002015303702"), sgd, "states no amount"},
		"no currency":     {sealed("0002015405" + "10.23"), sgd, "states no currency"},
		"no checksum":     {"00020153037025405" + "10.23", sgd, "has no checksum"},
		"need not":        {"000201", idr, ""},
		"a letter other":  {good[:len(good)-1] + "!", sgd, "has a checksum that is not its own"},
		"a page's, whole": {qris, Want{"360", 50_000, 0, true}, "has a checksum that is not its"},
		"twice an amount": {sealed("000201530370254051" + "0.235405" + "10.23"), sgd, "is not the"},
		"a tail":          {good + "0000", sgd, "is not the text"},
		"short":           {good[:len(good)-2], sgd, "is not the text"},
		"no list":         {"https://pay.example/", sgd, "is not the text"},
		"empty":           {"", sgd, "is not the text"},
	} {
		if got := Check(tc.text, tc.want); !strings.HasPrefix(got, tc.said) ||
			tc.said == "" && got != "" {
			t.Errorf("%s: %q, want %q", name, got, tc.said)
		}
	}
	if got := checksum("123456789"); got != "29B1" {
		t.Errorf("the checksum of the reference text is %s", got)
	}
}

// FuzzCheck: no text stops the look, and one that passes whole has a checksum that holds.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{qris, "", "000201", sealed("00020153037025405" + "10.23")} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if Check(s, Want{Currency: "702", Amount: 1023, Decimals: 2, Whole: true}) == "" &&
			!strings.EqualFold(s[len(s)-4:], checksum(s[:len(s)-4])) {
			t.Errorf("%q passes", s)
		}
	})
}
