package ecr

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"kiosk-agent/internal/conf"
)

//go:embed dialects/*.toml
var files embed.FS

// builtins in the order in which texts list them; never written.
var builtins = []string{"paycube", "nets", "linkpos", "uob"}

// Builtins are the names of the dialects that need no file.
func Builtins() []string { return slices.Clone(builtins) }

// Builtin is the dialect of that name. The error lists the names there are.
func Builtin(name string) (*Dialect, error) {
	if !slices.Contains(builtins, name) {
		return nil, fmt.Errorf("%.40q is not a dialect that is built in: %s", name,
			strings.Join(builtins, ", "))
	}
	return Parse(name+".toml", builtin(name))
}

func builtin(name string) []byte {
	b, err := files.ReadFile("dialects/" + name + ".toml")
	if err != nil {
		panic(err) // the names are the embedded files': a test reads each
	}
	return b
}

// Blueprint is a commented dialect file: what an integrator starts from.
func Blueprint() []byte { return builtin("blueprint") }

// Problem is one thing that is wrong with a dialect file. Its texts are safe to log and to show.
type Problem struct {
	File string
	Line int    // 0: the key is not in the file
	Key  string // dotted: frame.lrc.seed
	What string
}

func (p Problem) String() string {
	where := p.File
	if p.Line > 0 {
		where += fmt.Sprintf(":%d", p.Line)
	}
	if p.Key == "" {
		return where + ": " + p.What
	}
	return where + ": " + p.Key + ": " + p.What
}

// Problems is the error of a dialect file: all that was found, in the order of the file.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// maxFile bounds a dialect file: the built-in ones are a tenth of it.
const maxFile = 256 << 10

// Parse reads a dialect file; file is its name for error texts. It is strict: a key that does not
// exist, one that is missing, and a value that means nothing or makes the dialect ambiguous are
// errors of type Problems. A file may start from a built-in dialect (base) and then has only what
// differs: tables are merged, lists and values replaced.
func Parse(file string, data []byte) (*Dialect, error) {
	if len(data) > maxFile {
		return nil, Problems{{File: file,
			What: fmt.Sprintf("is larger than the %d KiB of any dialect", maxFile>>10)}}
	}
	var own spec
	if _, ps := conf.Raw(file, data, conf.Literal(data)); len(ps) > 0 {
		return nil, unseen(ps)
	}
	if err := strictly(data, &own); err != nil {
		return nil, decodeProblems(file, err)
	}
	full := own
	if own.Base != "" {
		merged, err := merge(own.Base, data)
		if err != nil {
			return nil, Problems{{File: file, Key: "base", What: err.Error()}}
		}
		full = spec{}
		if err := strictly(merged, &full); err != nil {
			return nil, Problems{{File: file, Key: "base",
				What: "does not go together with this file: " + err.Error()}}
		}
	}
	full.complete()
	if ps := full.check(); len(ps) > 0 {
		lines := keyLines(data)
		for i := range ps {
			ps[i].File, ps[i].Line = file, lines.of(ps[i].Key)
		}
		slices.SortStableFunc(ps, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
		return nil, ps
	}
	return compile(full), nil
}

func strictly(data []byte, into *spec) error {
	return toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(into)
}

// merge lays a file over a built-in dialect.
func merge(base string, data []byte) ([]byte, error) {
	if !slices.Contains(builtins, base) {
		return nil, fmt.Errorf("%.40q is not built in: %s", base, strings.Join(builtins, ", "))
	}
	under := builtin(base)
	var below, above map[string]any
	if err := toml.Unmarshal(under, &below); err != nil {
		return nil, err
	}
	if further, ok := below["base"].(string); ok { // a built-in dialect may have a base, too
		merged, err := merge(further, under)
		if err != nil {
			return nil, err
		}
		below = nil
		if err := toml.Unmarshal(merged, &below); err != nil {
			return nil, err
		}
	}
	if err := toml.Unmarshal(data, &above); err != nil {
		return nil, err
	}
	delete(above, "base")
	layOver(below, above)
	return toml.Marshal(below)
}

// layOver makes of a base what a file changes.
func layOver(below, above map[string]any) {
	extendFunctions(below, above)
	overlay(below, above)
}

// extendFunctions joins the fields that both files give a function: such a list extends the base's,
// where others replace it.
func extendFunctions(below, above map[string]any) {
	under, _ := below["functions"].(map[string]any)
	over, _ := above["functions"].(map[string]any)
	for code, value := range over {
		was, _ := under[code].(map[string]any)
		is, _ := value.(map[string]any)
		base, ok1 := was["fields"].([]any)
		own, ok2 := is["fields"].([]any)
		if ok1 && ok2 {
			is["fields"] = joinFields(base, own, func(f any) string {
				table, _ := f.(map[string]any)
				return fmt.Sprint(table["code"])
			})
		}
	}
}

// overlay merges tables and replaces everything else.
func overlay(below, above map[string]any) {
	for key, value := range above {
		over, isTable := value.(map[string]any)
		under, wasTable := below[key].(map[string]any)
		if isTable && wasTable {
			overlay(under, over)
			continue
		}
		below[key] = value
	}
}

// complete fills in what a file may leave out, and takes away the functions that it switches off.
func (s *spec) complete() {
	if s.Timers.Quiet == "" {
		s.Timers.Quiet = s.Timers.ACK
	}
	for code, f := range s.Functions {
		if f.Kind == kindOff {
			delete(s.Functions, code)
		}
	}
	s.completeDirection()
}

// unseen are a file's faults that nobody sees, or that make it no TOML.
func unseen(found conf.Problems) (ps Problems) {
	for _, p := range found {
		what := p.What
		if p.Hint != "" {
			what += " (" + p.Hint + ")"
		}
		ps = append(ps, Problem{File: p.Path, Line: p.Line, Key: p.Key, What: what})
	}
	return ps
}

func decodeProblems(file string, err error) Problems {
	if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		var ps Problems
		for _, e := range strict.Errors {
			line, _ := e.Position()
			ps = append(ps, Problem{
				File: file, Line: line, Key: strings.Join(e.Key(), "."),
				What: "no such key; kiosk-agent ecr blueprint prints them all",
			})
		}
		return ps
	}
	if e, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, _ := e.Position()
		return Problems{{File: file, Line: line, Key: strings.Join(e.Key(), "."),
			What: strings.TrimPrefix(e.Error(), "toml: ")}}
	}
	return Problems{{File: file, What: strings.TrimPrefix(err.Error(), "toml: ")}}
}

// compile makes a dialect of a spec that was checked.
func compile(s spec) *Dialect {
	d := &Dialect{
		s: s, stx: s.Frame.STX.first(), etx: s.Frame.ETX.first(), ack: s.Frame.ACK.first(),
		nak: s.Frame.NAK.first(), fieldLength: lengthCode{s.Field.Encoding, s.Field.Width},
		headerLen: s.headerLen(), timers: s.Timers.compile(),
		codes: make(map[string]int), fields: make(map[string][]responseFieldSpec),
	}
	d.frameRules()
	d.indicator, _ = s.Header.Indicator.bytes()
	d.indicatorRules()
	d.headSep, _ = s.Header.Separator.bytes()
	d.fieldSep, _ = s.Field.Separator.bytes()
	d.direction()
	d.zone, _ = parseOffset(s.Response.UTCOffset)
	for code, f := range s.Functions {
		d.fields[code] = d.s.fieldsOf(code)
		d.functions = append(d.functions, Function{Code: code, Kind: f.Kind, Schemes: f.Schemes})
	}
	slices.SortFunc(d.functions, func(a, b Function) int { return cmp.Compare(a.Code, b.Code) })
	for i, f := range d.functions {
		d.codes[f.Code] = i
	}
	return d
}

// frameRules sets what follows from the rules for LEN and LRC.
func (d *Dialect) frameRules() {
	length, lrc := &d.s.Frame.Length, &d.s.Frame.LRC
	d.length = lengthCode{length.Encoding, length.Width}
	d.overhead = d.s.overhead(d.headerLen)
	d.seed, d.lrcETX = lrc.Seed.first(), lrc.Through == "etx"
	switch lrc.From {
	case "length":
		d.lrcFrom = 1
	case "header":
		d.lrcFrom = 1 + length.Width
	default:
		d.lrcFrom = 0
	}
}

func (t *timerSpec) compile() Timers {
	timers := Timers{Transmissions: t.Transmissions, ECNUnique: t.ECNUnique}
	timers.ACK, _ = t.ACK.duration()
	timers.Gap, _ = t.Gap.duration()
	timers.Quiet, _ = t.Quiet.duration()
	timers.RepeatWindow, _ = t.RepeatWindow.duration()
	timers.RepeatWindowNewECN, _ = t.RepeatWindowNewECN.duration()
	timers.StoredFor, _ = t.StoredFor.duration()
	timers.TillWaits, _ = t.TillWaits.duration()
	return timers
}

// first is the byte of a text that was checked to be one byte.
func (h hexText) first() byte {
	b, _ := h.bytes()
	return b[0]
}

// size is the number of bytes.
func (h hexText) size() int {
	b, _ := h.bytes()
	return len(b)
}

func (s *spec) headerLen() int {
	h := &s.Header
	return h.ECN + h.Function + h.Version + h.Indicator.size() + h.Separator.size()
}

// overhead is what LEN counts besides the fields.
func (s *spec) overhead(header int) (n int) {
	for _, part := range s.Frame.Length.Counts {
		switch part {
		case "stx", "etx", "lrc":
			n++
		case "length":
			n += s.Frame.Length.Width
		case "header":
			n += header
		}
	}
	return n
}
