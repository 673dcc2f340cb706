package config

import (
	"fmt"
	"reflect"
	"strconv"

	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/conf"
	"kiosk-agent/payment"
)

// Reader reads files whose sections and providers are those of a table of gateways. The zero Reader
// knows gateways.All.
type Reader struct{ Gateways gateways.Table }

func (r Reader) table() gateways.Table {
	if r.Gateways == nil {
		return gateways.All()
	}
	return r.Gateways
}

// Default is the configuration of an empty file.
func (r Reader) Default() Config {
	c := defaults()
	c.gateways, c.sections = r.table(), make(map[string]any)
	for _, row := range c.gateways {
		section := reflect.New(reflect.TypeOf(row.Section))
		section.Elem().Set(reflect.ValueOf(row.Section))
		c.sections[row.Name] = section.Interface()
	}
	c.Payment.Provider = c.gateways.Usual()
	return c
}

// Render writes values, as TOML's decoder has them, as a file that the reader reads.
func (r Reader) Render(values map[string]any, c conf.Comments) ([]byte, error) {
	return Keys(r.table()).Render(values, layout(r.table()), c)
}

// Gateway is the payment service that the configuration names, with what the configuration says to
// it. The error says that there is none of that name.
func (c *Config) Gateway() (gateways.Chosen, error) {
	name := c.Payment.Provider
	g, err := c.gateways.Choose(name, gateways.Settings{
		Terminal: c.Terminal.ID, MaxAmount: c.Terminal.MaxAmount, Mode: c.Payment.Mode,
		HookURL: c.Relay.HookURL, Currency: payment.Currency(c.Terminal.Currency),
	}, c.sections)
	if err != nil {
		return g, fmt.Errorf("payment.provider: %w", err)
	}
	return g, nil
}

// Section is a pointer to a gateway's section, such as *gateways.AXS; nil where there is no gateway
// of that name. Copies of the Config share it.
func (c *Config) Section(name string) any { return c.sections[name] }

// layout is the file as a struct: the tables of Config and, behind payment, a section for each
// gateway. Each field has the tag toml.
func layout(t gateways.Table) reflect.Type {
	var fields []reflect.StructField
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if f.Tag.Get("toml") == "" {
			continue
		}
		fields = append(fields, reflect.StructField{Name: f.Name, Type: f.Type, Tag: f.Tag})
		if f.Type != reflect.TypeFor[Payment]() {
			continue
		}
		for i, row := range t {
			fields = append(fields, reflect.StructField{
				Name: "Gateway" + strconv.Itoa(i), Type: reflect.TypeOf(row.Section),
				Tag: reflect.StructTag("toml:" + strconv.Quote(row.Name)),
			})
		}
	}
	return reflect.StructOf(fields)
}

// Tables is a copy of what the file says, defaults included, as a struct of layout's type.
func (c *Config) Tables() reflect.Value {
	v := reflect.New(layout(c.gateways)).Elem()
	c.each(v, func(field, own reflect.Value) { field.Set(own) })
	return v
}

// take is the reverse of Tables.
func (c *Config) take(v reflect.Value) {
	c.each(v, func(field, own reflect.Value) { own.Set(field) })
}

// each visits the tables of v together with what they are in c.
func (c *Config) each(v reflect.Value, visit func(field, own reflect.Value)) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		own := reflect.ValueOf(c).Elem().FieldByName(f.Name)
		if section, ok := c.sections[f.Tag.Get("toml")]; ok {
			own = reflect.ValueOf(section).Elem()
		}
		visit(v.Field(i), own)
	}
}

// sectionChecks is a checker for one gateway's section, or an entry of it.
type sectionChecks struct {
	k    *checker
	name string
}

func (s sectionChecks) Need(ok bool, key, hint, format string, args ...any) {
	s.k.Need(ok, s.name+"."+key, hint, format, args...)
}

func (s sectionChecks) OneOf(key, value string, allowed ...string) {
	s.k.OneOf(s.name+"."+key, value, allowed...)
}

func (s sectionChecks) WebURL(key, raw, secure, plain string) {
	s.k.WebURL(s.name+"."+key, raw, secure, plain)
}

// gateway checks what depends on the payment service. Of one that is not known nothing else can be
// said.
func (k *checker) gateway() {
	p, t := k.c.Payment, k.c.Terminal
	g, err := k.c.Gateway()
	if err != nil {
		k.OneOf("payment.provider", p.Provider, k.c.gateways.Names()...)
		return
	}
	row := g.Row()
	k.OneOf("terminal.currency", t.Currency, string(row.Currency))
	k.Need(row.Least == 0 || t.MaxAmount >= row.Least, "terminal.max_amount", least(row),
		"%d is too little", t.MaxAmount)
	k.OneOf("payment.mode", p.Mode, row.ModeNames()...)
	g.Check(sectionChecks{k, row.Name})
	k.answerWithin(g.Asked())
	k.Need(!p.ApproveNeedsQuery || g.Asked(), "payment.approve_needs_query",
		"write the address of the gateway's transaction query, or leave this at false",
		"has no query that could confirm a payment")
	for _, ref := range row.Secrets(k.c.sections[row.Name]) {
		k.Secret(ref.Key, ref.Ref, ref.Key == row.SecretKey())
	}
	for _, p := range g.Past() {
		p.Check(sectionChecks{k, p.Key})
		k.Secret(p.Ref.Key, p.Ref.Ref, true)
	}
}

// least says in money what is the least that a payment service takes.
func least(row gateways.Row) string {
	m := payment.Money{Amount: row.Least, Currency: row.Currency}
	return fmt.Sprintf("minor units: %d is %s, the least that %s takes", m.Amount, m, row.Title)
}
