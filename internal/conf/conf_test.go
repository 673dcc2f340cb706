package conf

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
)

// sample has a field of each kind.
type sample struct {
	Name  string   `toml:"name"`
	Times times    `toml:"times"`
	Lists lists    `toml:"lists"`
	Plain plain    `toml:"plain"`
	none  struct{} //nolint:unused // a field without a key is passed over
}

type times struct {
	Wait Duration `toml:"wait"`
	Off  Duration `toml:"off"`
	Room Size     `toml:"room"`
}

type lists struct {
	Words []string `toml:"words"`
	Lines []line   `toml:"lines"`
}

type line struct {
	Name string   `toml:"name"`
	Baud int      `toml:"baud"`
	Wait Duration `toml:"wait"`
}

func (l *line) SetDefaults() { l.Baud, l.Wait = 9600, Duration(time.Second) }

type plain struct {
	Yes   bool    `toml:"yes"`
	Count int     `toml:"count"`
	Big   int64   `toml:"big"`
	Rate  float64 `toml:"rate"`
	Free  string  `toml:"free"`
}

func defaults() sample {
	return sample{
		Times: times{Duration(time.Minute), Duration(time.Hour), 64 << 20},
		Lists: lists{[]string{"a"}, []line{}}, Plain: plain{true, 1, 1, 0.5, ""},
	}
}

func sampleKeys() Keys {
	return Keys{
		"name":       {Text: "The name.", Example: `"K001"`},
		"times":      {Text: "Times."},
		"times.wait": {Text: "A wait.", Range: Times(time.Second, time.Hour)},
		"times.off":  {Text: "Off.", Range: Times(time.Minute, 0).OrZero("never")},
		"times.room": {Text: "Room.", Range: Sizes(1<<10, 1<<40)},
		"lists":      {Text: "Lists."}, "lists.words": {Text: "Words."},
		"lists.lines":        {Text: "Lines."},
		"lists.lines[].name": {Text: "A name."}, "lists.lines[].baud": {Text: "Bits."},
		"lists.lines[].wait": {Text: "A wait.", Range: Times(time.Second, time.Minute)},
		"plain":              {Text: "Plain ones."}, "plain.yes": {Text: "Yes or no."},
		"plain.count": {Text: "A count.", Range: Numbers(1, 9)}, "plain.big": {Text: "Big."},
		"plain.rate": {Text: "A rate."}, "plain.free": {Text: "For people.", People: true},
	}
}

func decode(text string) (sample, *File, Problems) {
	v := defaults()
	f, ps := sampleKeys().Decode("f.toml", []byte(text), &v)
	return v, f, ps
}

// TestMistakes: each mistake is told with its line, its key and what to do.
func TestMistakes(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"no such key", "nme = 1\n",
			"f.toml:1: nme: no such key (docs/CONFIGURATION.md lists them all)"},
		{"no such table", "\n[tmes]\na = 1\n", "f.toml:2: tmes: no such key ("},
		{"no such key of an entry", "[[lists.lines]]\n[[lists.lines]]\nbd = 1\n",
			"f.toml:3: lists.lines[1].bd: no such key ("},
		{"no such key of an inline entry", "[lists]\nlines = [\n {name = \"a\"},\n {bd = 1}]\n",
			"f.toml:4: lists.lines[1].bd: no such key ("},
		{"string", "name = 1\n", "f.toml:1: name: is a whole number and must be a string"},
		{"truth", "[plain]\nyes = \"no\"\n",
			"f.toml:2: plain.yes: is a string and must be true or false"},
		{"number", "[plain]\ncount = true\n",
			"f.toml:2: plain.count: is true and must be a whole number"},
		{"fraction", "[plain]\ncount = 1.5\n",
			"f.toml:2: plain.count: is a fraction and must be a whole number"},
		{"rate", "[plain]\nrate = \"1\"\n",
			"f.toml:2: plain.rate: is a string and must be a number"},
		{"table", "times = 1\n", "f.toml:1: times: is a whole number and must be a table"},
		{"list", "[lists]\nwords = \"a\"\n",
			"f.toml:2: lists.words: is a string and must be a list of strings"},
		{"entry", "[lists]\nwords = [\"a\", 1]\n",
			"f.toml:2: lists.words: is a whole number and must be a string, as every entry"},
		{"list of tables", "[lists]\nlines = {name = \"a\"}\n",
			"f.toml:2: lists.lines: is a table and must be a list of tables"},
		{"entry that is no table", "[lists]\nlines = [1]\n",
			"f.toml:2: lists.lines[0]: is a whole number and must be a table"},
		{"date", "name = 2026-11-01\n", "f.toml:1: name: is a date or a time and must be a string"},
		{"duration", "[times]\nwait = \"3 minutes\"\n",
			"f.toml:2: times.wait: \"3 minutes\" is not a duration such as"},
		{"duration without a unit", "[times]\nwait = 180\n",
			`f.toml:2: times.wait: 180 has no unit (write "180s")`},
		{"duration without a unit in an entry", "[[lists.lines]]\nwait = 2.5\n",
			`f.toml:2: lists.lines[0].wait: 2.5 has no unit (write "2.5s")`},
		{"duration of another kind", "[times]\nwait = true\n",
			`f.toml:2: times.wait: is true and must be a duration such as "90s"`},
		{"size", "[times]\nroom = \"4 gigs\"\n", "f.toml:2: times.room: \"4 gigs\" is not a size"},
		{"negative size", "[times]\nroom = -1\n", "f.toml:2: times.room: "},
		{"under", "[times]\noff = \"1s\"\n", "f.toml:2: times.off: 1s is under 60s (or 0s: never)"},
		{"zero", "[times]\nwait = \"0s\"\n", "f.toml:2: times.wait: 0s is not between 1s and 1h"},
		{"bounds of an entry", "[[lists.lines]]\nwait = \"1h\"\n",
			"f.toml:2: lists.lines[0].wait: 1h is not between 1s and 60s"},
		{"count", "[plain]\ncount = 10\n", "f.toml:2: plain.count: 10 is not between 1 and 9"},
		{"a blank around", "name = \"a \"\n",
			"f.toml:1: name: begins or ends with a space (take it away)"},
		{"a no-break space", "name = \"a\u00A0b\"\n",
			"f.toml:1: name: has a no-break space (U+00A0) (type it anew, or: " +
				`LC_ALL=C sed -i '1{s/\xC2\xA0/ /g}' f.toml)`},
		{"a line end in a value", "name = \"a\\n\"\n",
			"f.toml:1: name: has several lines (type it anew)"},
		{"a zero-width space in a list", "[lists]\nwords = [\"a\u200B\"]\n",
			"f.toml:2: lists.words: has a zero-width space (U+200B)"},
		{"one in a key", "\"na\u200Bme\" = \"a\"\n",
			"no such key: it has a zero-width space (U+200B)"},
		{"one between key and value", "[times]\nwait\u00A0= \"1m\"\n",
			"f.toml:2: has a no-break space (U+00A0) (type the line anew, or: " +
				`LC_ALL=C sed -i '2{s/\xC2\xA0/ /g}' f.toml)`},
		{"byte order mark", "\uFEFFname = \"a\"\n",
			`f.toml:1: begins with a byte order mark (U+FEFF) (save it as UTF-8 without one: sed`},
		{"UTF-16", "\xff\xfen\x00", "f.toml: is in UTF-16 (save it as UTF-8: iconv -f"},
		{"no UTF-8", "name = \"a\"\n# \xff\n", "f.toml:2: has a byte that is no UTF-8"},
		{"an old Mac", "name = \"a\"\r[times]\r", "f.toml:1: has a carriage return (U+000D)"},
		{"syntax", "name = \"a\n", "f.toml:1: "},
		{"twice", "name = \"a\"\nname = \"b\"\n", "f.toml:2: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, ps := decode(tc.text)
			if len(ps) != 1 || !strings.Contains(ps.Error(), tc.want) {
				t.Errorf("got:\n%v\nwant it to contain:\n%s", ps, tc.want)
			}
		})
	}
}

// TestAllMistakesAtOnce: no mistake hides another one, and what is right is taken over.
func TestAllMistakesAtOnce(t *testing.T) {
	v, f, ps := decode("\uFEFFname = 1\nnme = 2\n[times]\nwait = 5\nroom = \"1KiB\"\n" +
		"[plain]\ncount = \"x\"\nfree = \" \u200D \"\n")
	var got []string
	for _, p := range ps {
		got = append(got, fmt.Sprintf("%d %s", p.Line, p.Key))
	}
	want := []string{"1 ", "1 name", "2 nme", "4 times.wait", "7 plain.count"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if v.Times.Room != 1<<10 || v.Plain.Free != " \u200D " {
		t.Errorf("read %+v", v)
	}
	k := f.Check()
	k.Fail("times.wait", "", "another mistake of the same key")
	k.Fail("times.off", "", "a mistake of an absent key")
	if ps := k.Problems(); len(ps) != 1 || ps[0].Line != 3 {
		t.Errorf("checked: %v", ps)
	}
}

// TestLineEnds: a file from Windows is read as any other.
func TestLineEnds(t *testing.T) {
	text := "name = \"a\"  \n\n[times]\t\nwait = \"2m\" # \u00A0 \n[[lists.lines]]\nname = \"b\"\n"
	unix, _, ps := decode(text)
	windows, f, more := decode(strings.ReplaceAll(text, "\n", "\r\n"))
	if len(ps)+len(more) > 0 || cmp.Diff(unix, windows, cmp.AllowUnexported(sample{})) != "" {
		t.Errorf("%v %v: %+v, %+v", ps, more, unix, windows)
	}
	if f.Line("lists.lines[0].name") != 6 || windows.Lists.Lines[0].Baud != 9600 {
		t.Errorf("line %d, %+v", f.Line("lists.lines[0].name"), windows)
	}
}

func TestLines(t *testing.T) {
	_, f, ps := decode("name = \"a\"\n[lists]\nwords = [\n\"a\"]\nlines = [{name = \"a\",\n" +
		"baud = 1},\n{name = \"b\"}]\n[plain]\ncount = 2\n")
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	for key, want := range map[string]int{"name": 1, "lists": 2, "lists.words": 3, "lists.lines": 5,
		"lists.lines[0].name": 5, "lists.lines[0].baud": 6, "lists.lines[1].name": 7,
		"lists.lines[1].baud": 5, "plain.count": 9, "plain.rate": 8, "times.wait": 0} {
		if got := f.Line(key); got != want {
			t.Errorf("%s: line %d, want %d", key, got, want)
		}
	}
	if !f.Has("plain.count") || f.Has("plain.rate") {
		t.Error("Has tells a key that is not there")
	}
	err := f.Locate(fmt.Errorf("lists.words: no good\nsomething else\nplain.count is too small"))
	if want := "f.toml:3: lists.words: no good\nf.toml: something else\nf.toml:9: plain.count: " +
		"is too small"; err.Error() != want {
		t.Errorf("located:\n%v", err)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir,
			"none"): "none: no such file or directory (name the file with --config; init makes it)",
		large: "large: larger than 256 KiB",
		dir:   "is a directory",
	} {
		if _, err := Read(path, "its user", "init makes it"); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestFaults: a key without a text, a text without a key, a duration without bounds, and a default
// out of bounds are found.
func TestFaults(t *testing.T) {
	if faults := sampleKeys().Faults(defaults()); len(faults) != 0 {
		t.Errorf("the sample has faults: %q", faults)
	}
	ks := sampleKeys()
	delete(ks, "name")
	ks["nme"] = Key{Text: "A name."}
	ks["times.wait"] = Key{Text: "A wait."}
	ks["times.off"] = Key{Text: "Off.", Range: Times(0, time.Hour)}
	ks["times.room"] = Key{Text: "Room.", Range: Sizes(1<<30, 0)}
	ks["plain.rate"] = Key{Text: "A rate"}
	want := []string{"name has no text of whole sentences", "nme has a text and is no key",
		"plain.rate has no text of whole sentences", "times.off has no least value above 0",
		"times.room's default: 64MiB is under 1GiB", "times.wait has no least value above 0"}
	if d := cmp.Diff(want, ks.Faults(defaults())); d != "" {
		t.Error(d)
	}
}

// TestExample: the example is read as what it was made from, and names every key.
func TestExample(t *testing.T) {
	v := defaults()
	v.Lists.Lines = []line{{"a \"b\"", 1, Duration(time.Second)}, {"<c>", 2, Duration(time.Second)}}
	v.Plain.Rate = 3
	for _, comments := range []Comments{NoComments, OfTables, OfKeys} {
		text, err := sampleKeys().Example(v, comments)
		if err != nil {
			t.Fatal(err)
		}
		got, _, ps := decode(string(text))
		want := v
		want.Name = "K001"
		if d := cmp.Diff(want, got, cmp.AllowUnexported(sample{})); d != "" || len(ps) > 0 {
			t.Errorf("%v\n%s\n%s", ps, d, text)
		}
		if strings.Contains(string(text), "# A wait. 1s to 1h.\nwait = ") != (comments == OfKeys) ||
			strings.Contains(string(text), "# Times.\n[times]") != (comments >= OfTables) {
			t.Errorf("comments %d:\n%s", comments, text)
		}
	}
	if _, err := sampleKeys().Render(map[string]any{"nme": "x",
		"times": map[string]any{"w": int64(1)},
		"plain": 1}, reflect.TypeFor[sample](), NoComments); err == nil ||
		err.Error() != "times.w: no such key (docs/CONFIGURATION.md lists them all)\n"+
			"plain must be a table\nnme: no such key (docs/CONFIGURATION.md lists them all)" {
		t.Errorf("rendered: %v", err)
	}
}

func TestReference(t *testing.T) {
	text := sampleKeys().Reference(defaults(), 2)
	for _, want := range []string{
		"| `name` | string | `\"\"` | The name. |\n",
		"## [times]\n\nTimes.\n\n| key | type | default | meaning |\n",
		"| `wait` | duration | `\"60s\"` | A wait. 1s to 1h. |\n",
		"| `off` | duration | `\"1h\"` | Off. At least 60s; or 0s: never. |\n",
		"| `room` | size | `\"64MiB\"` | Room. 1KiB to 1TiB. |\n",
		"| `words` | list of strings | `[\"a\"]` | Words. |\n",
		"### Each entry of lists.lines\n\nLines.\n", "| `baud` | integer | `9600` | Bits. |\n",
		"| `rate` | number | `0.5` | A rate. |\n", "| `yes` | boolean | `true` | Yes or no. |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("not there: %s\n%s", want, text)
		}
	}
}

func TestValuesRoundTrip(t *testing.T) {
	for _, s := range []string{"0s", "1s", "90s", "180s", "1.5s", "10m", "24h", "2d", "400d"} {
		var d Duration
		if err := d.UnmarshalText([]byte(s)); err != nil || d.String() != s {
			t.Errorf("duration %q came back as %q, %v", s, d, err)
		}
	}
	for _, s := range []string{"", "1", "-1s", "1w", "99999d", "1.5d", "d", "1 d", "1d ", "1D"} {
		var d Duration
		if err := d.UnmarshalText([]byte(s)); err == nil {
			t.Errorf("duration %q was read as %v", s, time.Duration(d))
		}
	}
	for _, s := range []string{"0", "1", "1500", "512KiB", "64MiB", "3GiB", "2TiB"} {
		var z Size
		if err := z.UnmarshalText([]byte(s)); err != nil || z.String() != s {
			t.Errorf("size %q came back as %q, %v", s, z, err)
		}
	}
	for _, s := range []string{"", "-1", "64 MB", "64mib", "1.5GiB", "KiB", "8388608TiB", " 1"} {
		var z Size
		if err := z.UnmarshalText([]byte(s)); err == nil {
			t.Errorf("size %q was read as %d", s, int64(z))
		}
	}
}

// FuzzDecode: whatever the decoder of the library takes for this struct is taken with the same
// values, and nothing else is.
func FuzzDecode(f *testing.F) {
	f.Add("name = \"a\"\n[times]\nwait = \"2m\"\noff = \"1h\"\nroom = \"1KiB\"\n")
	f.Add("[lists]\nwords = [\"a\"]\n[[lists.lines]]\nname = 'x'\nbaud = 1\nwait = \"1s\"\n")
	f.Add("[plain]\nyes = false\ncount = 2\nbig = 3\nrate = 1e3\nfree = \"\"\"\n x \"\"\"\n")
	f.Add("a.b.c = [{x = 1}]\n\"\" = 2\n[[a]]\n[a.b]")
	f.Add("times.wait = \"1s\"\nlists.lines = [{name = \"a\", baud = 1, wait = \"1s\"}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		v, file, ps := decode(text)
		var raw map[string]any
		isTOML := toml.Unmarshal([]byte(text), &raw) == nil
		if file == nil && len(ps) == 0 {
			t.Fatal("neither a file nor a problem")
		}
		if len(ps) > 0 {
			return
		}
		if !isTOML {
			t.Fatalf("taken, and no TOML")
		}
		want := defaults()
		strict := toml.NewDecoder(strings.NewReader(text)).DisallowUnknownFields()
		if err := strict.Decode(&want); err != nil {
			t.Fatalf("taken, and the library says: %v", err)
		}
		for i := range want.Lists.Lines { // the library's entries start from nothing
			for _, key := range []string{"baud", "wait"} {
				if !file.Has(fmt.Sprintf("lists.lines[%d].%s", i, key)) {
					return
				}
			}
		}
		if !reflect.DeepEqual(want, v) {
			t.Errorf("%+v\nthe library: %+v", v, want)
		}
	})
}
