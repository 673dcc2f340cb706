package ecr

import (
	"slices"
	"strings"
)

// texts keeps every outcome but approved from a text that contains the approval's: there are tills
// that decide by it, without a look at the code. They look at what arrives, so the texts are
// compared as each text field cuts them, whether written in capitals or not.
func (c *checker) texts() {
	approved := c.s.Outcomes[string(Approved)].Text
	said := make(map[Outcome]bool)
	for _, f := range c.s.textFields() {
		want := f.shown(approved)
		if want == "" {
			continue
		}
		for _, o := range outcomes {
			text := c.s.Outcomes[string(o.outcome)].Text
			if o.outcome == Approved || said[o.outcome] || !strings.Contains(f.shown(text), want) {
				continue
			}
			said[o.outcome] = true
			c.bad(false, "outcomes."+string(o.outcome)+".text", "%q contains the approval's "+
				"text, %q, as field %s shows both: a till that looks for it would take this for a "+
				"payment", text, approved, f.Code)
		}
	}
	want := strings.ToUpper(strings.TrimSpace(approved))
	c.constants("response.fields", c.s.Response.Fields, want)
	for code, f := range c.s.Functions {
		c.constants("functions."+code+".fields", f.Fields, want)
	}
}

// constants are the fields that always say the same: not what an approval says.
func (c *checker) constants(key string, list []responseFieldSpec, approved string) {
	for i := range list {
		f := &list[i]
		alone := len(f.Outcomes) == 1 && f.Outcomes[0] == Approved
		c.bad(f.Source != sourceConst || alone || approved == "" ||
			!strings.Contains(strings.ToUpper(f.Value), approved), indexed(key, i)+".value",
			"%q contains the approval's text: only outcomes = [\"approved\"] may say so", f.Value)
	}
}

// textFields are the ways in which answers show an outcome's text: in full, and as each field cuts
// it.
func (s *spec) textFields() []responseFieldSpec {
	whole := responseFieldSpec{Code: "of 40 characters", Source: sourceText, Width: 40}
	list := []responseFieldSpec{whole}
	add := func(fields []responseFieldSpec) {
		for _, f := range fields {
			if f.Source == sourceText {
				list = append(list, f)
			}
		}
	}
	add(s.Response.Fields)
	for _, f := range s.Functions {
		add(f.Fields)
	}
	slices.SortStableFunc(list[1:], func(a, b responseFieldSpec) int {
		return strings.Compare(a.Code, b.Code)
	})
	return list
}

// shown is a text as the field shows it, in capitals and without what fills it up.
func (f *responseFieldSpec) shown(text string) string {
	b, _ := f.data(nil, "", &ResponseData{Text: text})
	return strings.ToUpper(strings.TrimSpace(string(f.unpad(b))))
}
