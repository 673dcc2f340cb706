package ecr

import (
	"strings"
	"testing"
)

// No outcome but approved may say what an approval says, wherever and however much of it a till
// sees: some decide by the text.
func TestNothingElseSoundsApproved(t *testing.T) {
	const head = "base = \"nets\"\nname = \"mine\"\n"
	for _, tc := range []struct{ name, file, want string }{
		{"contained", "outcomes.declined.text = \"NOT APPROVED\"", "outcomes.declined.text: "},
		{"small letters", "outcomes.unknown.text = \"approved?\"", "outcomes.unknown.text: "},
		{"a good word for another function", "outcomes.ready.text = \"APPROVED TERMINAL\"",
			"outcomes.ready.text: "},
		{"a shorter approval", "outcomes.approved.text = \"OK\"\n" +
			"outcomes.declined.text = \"NOT OK\"", "outcomes.declined.text: "},
		{"NOT PAID", "outcomes.approved.text = \"PAID\"", "outcomes.expired.text: "},
		{"the approval is cut", "outcomes.approved.text = \"DONE - PAID\"\n" +
			"outcomes.declined.text = \"DONE - FAILED\"\n[[functions.30.fields]]\n" +
			"code = \"02\"\nsource = \"text\"\nwidth = 6", "outcomes.declined.text: "},
		{"a field that is always there", "[[functions.30.fields]]\ncode = \"ZZ\"\n" +
			"source = \"value\"\nvalue = \"APPROVED\"\nwidth = 8",
			"functions.30.fields.0.value: "},
	} {
		_, err := Parse("mine.toml", []byte(head+tc.file))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
		}
	}
	for name, file := range map[string]string{
		"another word":   "outcomes.approved.text = \"TAKEN\"",
		"no text at all": "outcomes.approved.text = \"\"",
		"the word of an approval": "[[functions.30.fields]]\ncode = \"ZZ\"\n" +
			"source = \"value\"\nvalue = \"APPROVED\"\nwidth = 8\noutcomes = [\"approved\"]",
	} {
		_, err := Parse("mine.toml", []byte(head+file))
		if name == "no text at all" {
			if err == nil || strings.Contains(err.Error(), "contains") {
				t.Errorf("%s: %v", name, err) // version 00 needs the text in field 02
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, d := range all(t) {
		_, approved := d.Answer(Approved)
		for _, o := range Outcomes() {
			if _, text := d.Answer(o); o != Approved && strings.Contains(text, approved) {
				t.Errorf("%s %s: %s", d.Name(), o, text)
			}
		}
	}
}
