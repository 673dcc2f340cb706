package ecr

import (
	"errors"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
)

func TestBuiltins(t *testing.T) {
	for _, name := range Builtins() {
		d := dialect(t, name)
		if d.Name() != name || d.s.Verified || d.s.Note == "" || d.s.Title == "" {
			t.Errorf("%s: %q %q, verified %t", name, d.Name(), d.s.Note, d.s.Verified)
		}
	}
	if _, err := Builtin("blueprint"); err == nil ||
		!strings.Contains(err.Error(), "paycube, nets") {
		t.Errorf("%v", err)
	}
}

// The codes that docs/protocols/ecr-family.md lists, said a second time.
func TestCodesOfTheDocument(t *testing.T) {
	for name, codes := range map[string]map[string]string{
		"paycube": {
			"00": "approved ready cancel_done logon_done settlement_done",
			"51": "declined expired cancelled",
			"TO": "declined_unconfirmed expired_unconfirmed cancelled_unconfirmed unknown " +
				"repeat_uncertain journal_unavailable_after internal",
			"E2": "not_ready", "E3": "path_down", "E6": "busy cancel_refused last_running",
			"01": "bad_frame bad_function",
			"02": "bad_field amount_invalid ecn_conflict ecn_reused",
			"XX": "journal_unavailable_before void_refused last_none",
		},
		"nets": {
			"00": "approved ready cancel_done logon_done settlement_done", "51": "declined",
			"US": "expired cancelled",
			"TO": "declined_unconfirmed expired_unconfirmed cancelled_unconfirmed unknown " +
				"repeat_uncertain journal_unavailable_after internal last_running",
			"HS": "not_ready path_down busy journal_unavailable_before cancel_refused last_none",
			"01": "bad_frame bad_function void_refused",
			"20": "bad_field amount_invalid ecn_conflict ecn_reused",
		},
	} {
		d, total := dialect(t, name), 0
		for code, want := range codes {
			var got []string
			for _, o := range d.OutcomesWith(code) {
				got = append(got, string(o))
			}
			total += len(got)
			if diff := cmp.Diff(strings.Fields(want), got); diff != "" {
				t.Errorf("%s %s: %s", name, code, diff)
			}
		}
		if total != len(Outcomes()) {
			t.Errorf("%s: %d of %d outcomes are in the test", name, total, len(Outcomes()))
		}
	}
}

func TestTimers(t *testing.T) {
	want := Timers{
		ACK: 2 * time.Second, Gap: 500 * time.Millisecond, Quiet: 2 * time.Second, Transmissions: 3,
		RepeatWindow: 10 * time.Second, RepeatWindowNewECN: 2 * time.Minute,
		StoredFor: 10 * time.Minute,
	}
	if diff := cmp.Diff(want, dialect(t, "paycube").Timers()); diff != "" {
		t.Error(diff)
	}
	want.ACK, want.Quiet = 1800*time.Millisecond, 1800*time.Millisecond
	want.TillWaits = 110 * time.Second
	if diff := cmp.Diff(want, dialect(t, "nets").Timers()); diff != "" {
		t.Error(diff)
	}
	want = Timers{
		ACK: 36 * time.Millisecond, Gap: 10 * time.Millisecond, Quiet: 36 * time.Millisecond,
		Transmissions: 3, RepeatWindow: 200 * time.Millisecond,
		RepeatWindowNewECN: 2400 * time.Millisecond, StoredFor: 12 * time.Second,
		TillWaits: 110 * time.Second,
	}
	if diff := cmp.Diff(want, dialect(t, "nets").Timers().Scaled(50)); diff != "" {
		t.Error(diff)
	}
}

// leaves are the dotted keys of a file with their values; what dialects name themselves (functions,
// outcomes, list entries) is not looked into.
func leaves(t *testing.T, path string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		t.Fatal(err)
	}
	list := make(map[string]any)
	var walk func(prefix string, m map[string]any)
	walk = func(prefix string, m map[string]any) {
		for k, v := range m {
			if sub, ok := v.(map[string]any); ok && prefix+k != "functions" &&
				prefix+k != "request.type.values" && prefix+k != "outcomes" {
				walk(prefix+k+".", sub)
				continue
			}
			list[prefix+k] = v
		}
	}
	walk("", tree)
	return list
}

// schemaKeys are all keys that spec has, written like leaves does.
func schemaKeys(prefix string, typ reflect.Type) (keys []string) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		key := prefix + f.Tag.Get("toml")
		if f.Type.Kind() == reflect.Struct {
			keys = append(keys, schemaKeys(key+".", f.Type)...)
			continue
		}
		keys = append(keys, key)
	}
	return keys
}

// A dialect is data: there is one that differs in every element that can differ.
func TestOtherDiffersInEverything(t *testing.T) {
	mine, theirs := leaves(t, "dialects/nets.toml"), leaves(t, "testdata/other.toml")
	mine["timers.quiet"] = "1800ms" // its default
	for _, key := range schemaKeys("", reflect.TypeFor[spec]()) {
		if key == "base" {
			continue
		}
		if theirs[key] == nil {
			t.Errorf("%s is not in other.toml", key)
		}
		if reflect.DeepEqual(mine[key], theirs[key]) {
			t.Errorf("%s = %v in both", key, mine[key])
		}
	}
	a, b := dialect(t, "paycube"), other(t)
	for _, o := range Outcomes() {
		codeA, textA := a.Answer(o)
		codeB, textB := b.Answer(o)
		if codeA == codeB || textA == textB || textB == "" {
			t.Errorf("%s: %s %q and %s %q", o, codeA, textA, codeB, textB)
		}
	}
}

// The blueprint loads, and has every key that a file can have.
func TestBlueprint(t *testing.T) {
	if _, err := Parse("blueprint.toml", Blueprint()); err != nil {
		t.Fatal(err)
	}
	has := leaves(t, "dialects/blueprint.toml")
	for _, key := range schemaKeys("", reflect.TypeFor[spec]()) {
		if _, ok := has[key]; !ok && key != "base" {
			t.Errorf("%s is not in the blueprint", key)
		}
	}
	text := string(Blueprint())
	for _, key := range append(schemaKeys("", reflect.TypeFor[responseFieldSpec]()), sources...) {
		if !strings.Contains(text, key) {
			t.Errorf("response field key or source %s is not in the blueprint", key)
		}
	}
	for _, k := range append(slices.Clone(kinds), kindOff) {
		if !strings.Contains(text, string(k)) {
			t.Errorf("kind %s is not in the blueprint", k)
		}
	}
	for encoding := range maps.Keys(lengthWidths) {
		if !strings.Contains(text, encoding) {
			t.Errorf("encoding %s is not in the blueprint", encoding)
		}
	}
}

func TestBase(t *testing.T) {
	d, err := Parse("mine.toml", []byte(`
base = "nets"
name = "mine"
[frame.lrc]
seed = "ff"
[functions]
81 = { kind = "off" }
31 = { kind = "sale", schemes = ["paynow"] }
[outcomes]
busy = { code = "BY", text = "ONE MOMENT" }
[[response.fields]]
code = "02"
source = "text"
width = 10
`))
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, f := range d.Functions() {
		codes = append(codes, f.Code+" "+string(f.Kind))
	}
	if diff := cmp.Diff([]string{"30 sale", "31 sale", "55 status", "56 last", "80 logon",
		"I0 sale", "I1 status", "I5 settlement", "I6 sale"}, codes); diff != "" {
		t.Error(diff)
	}
	if code, text := d.Answer(Busy); code != "BY" || text != "ONE MOMENT" || d.seed != 0xff ||
		len(d.s.Response.Fields) != 1 || d.headerLen != 18 {
		t.Errorf("%s %s, seed %02x, %d fields", code, text, d.seed, len(d.s.Response.Fields))
	}
}

func TestOutcomeOf(t *testing.T) {
	flagged := []payment.Flag{payment.FlagLate, payment.FlagUnconfirmed}
	for _, tc := range []struct {
		status      payment.Status
		sure, doubt Outcome
	}{
		{payment.StatusCreated, LastRunning, LastRunning},
		{payment.StatusAwaiting, LastRunning, LastRunning}, {"", LastRunning, LastRunning},
		{payment.StatusApproved, Approved, Unknown},
		{payment.StatusDeclined, Declined, DeclinedUnconfirmed},
		{payment.StatusExpired, Expired, ExpiredUnconfirmed},
		{payment.StatusCancelled, Cancelled, CancelledUnconfirmed},
		{payment.StatusUnknown, Unknown, Unknown}, {"novel", Unknown, Unknown},
	} {
		if got := OutcomeOf(payment.Payment{Status: tc.status,
			Flags: flagged[:1]}); got != tc.sure {
			t.Errorf("%s: %s", tc.status, got)
		}
		if got := OutcomeOf(payment.Payment{Status: tc.status, Flags: flagged}); got != tc.doubt {
			t.Errorf("%s, unconfirmed: %s", tc.status, got)
		}
		ended := tc.sure != LastRunning
		if tc.doubt.Uncertain() != ended || tc.doubt.NotPaid() {
			t.Errorf("%s: not the word of one who does not know", tc.doubt)
		}
		known := tc.sure == Declined || tc.sure == Expired || tc.sure == Cancelled
		if tc.sure.NotPaid() != known || tc.sure.Uncertain() && tc.sure != Unknown {
			t.Errorf("%s: paid, not paid or not known?", tc.sure)
		}
	}
	if novel := Outcome("novel"); !novel.Uncertain() || novel.NotPaid() {
		t.Error("what nobody knows says that nothing was paid")
	}
}

func TestRefusalsAreComplete(t *testing.T) {
	for _, c := range payment.Codes() {
		o, ok := refusals[c]
		if _, known := classOf(o); !ok || !known {
			t.Errorf("%s is not mapped to an outcome", c)
		}
	}
	if len(refusals) != len(payment.Codes()) {
		t.Errorf("%d refusals for %d codes", len(refusals), len(payment.Codes()))
	}
	notReady := func(codes ...string) error {
		e := &payment.Error{Code: payment.CodeNotReady}
		for _, c := range codes {
			e.Reasons = append(e.Reasons, payment.Reason{Code: c})
		}
		return e
	}
	for _, row := range payment.NotReadyReasons() {
		want := Outcome(row.Heard)
		if c, ok := classOf(want); !ok || c != refused {
			t.Errorf("%s: what a line hears is no outcome that refuses: %s", row.Code, want)
		}
		if got := RefusalOf(notReady(string(row.Code))); got != want {
			t.Errorf("%s: %s, want %s", row.Code, got, want)
		}
	}
	for _, tc := range []struct {
		err  error
		want Outcome
	}{
		{errors.New("x"), Internal}, {&payment.Error{Code: "novel"}, Internal},
		{notReady("novel"), NotReady},
		{&payment.Error{Code: payment.CodeBusy}, Busy},
		{&payment.Error{Code: payment.CodeJournalUnavailable}, JournalBefore},
		{notReady(), NotReady}, {notReady("no_display"), NotReady},
		{notReady("relay_down"), PathDown}, {notReady("path_unproven"), PathDown},
		{notReady("relay_down", "no_display"), NotReady},
		{notReady("relay_down", "journal_unavailable"), JournalBefore},
	} {
		if got := RefusalOf(tc.err); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.err, got, tc.want)
		}
	}
}
