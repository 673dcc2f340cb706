package qr

import (
	"sync"

	"rsc.io/qr/coding"
)

// quick draws text in one given version, without trying masks: phones read any of them. nil means
// that it cannot, because the text needs parts of different kinds to fit into this version, say.
func quick(text string, version int, level Level) *Matrix {
	var e coding.Encoding = coding.String(text)
	if n := coding.Num(text); n.Check() == nil {
		e = n
	} else if a := coding.Alpha(text); a.Check() == nil {
		e = a
	}
	v := coding.Version(version)
	if e.Bits(v) > 8*v.DataBytes(coding.Level(level)) {
		return nil
	}
	p, err := plans.get(v, coding.Level(level))
	if err != nil {
		return nil
	}
	code, err := p.Encode(e)
	if err != nil {
		return nil
	}
	m := &Matrix{size: code.Size, dark: make([]bool, 0, code.Size*code.Size)}
	for y := range code.Size {
		for x := range code.Size {
			m.dark = append(m.dark, code.Black(x, y))
		}
	}
	return m
}

// plans keeps the plan of the last code: where each bit goes, which is nine tenths of the work. One
// kiosk's links are of one length, and so of one version. A plan is only read once it is made.
var plans planCache

type planCache struct {
	mu      sync.Mutex
	version coding.Version
	level   coding.Level
	plan    *coding.Plan
}

func (c *planCache) get(v coding.Version, l coding.Level) (*coding.Plan, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.plan == nil || c.version != v || c.level != l {
		p, err := coding.NewPlan(v, l, 0)
		if err != nil {
			return nil, err
		}
		c.version, c.level, c.plan = v, l, p
	}
	return c.plan, nil
}
