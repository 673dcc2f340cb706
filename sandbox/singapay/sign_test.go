package singapay

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

type vectors struct {
	Token struct {
		Vectors []struct {
			ClientID     string    `json:"client_id"`
			ClientSecret string    `json:"client_secret"`
			Want         string    `json:"expected_x_signature"`
			Now          time.Time `json:"now_utc"`
		}
	} `json:"access_token_v1_1"`
	Small []struct {
		Endpoint, Body, Secret, Timestamp, Normalized string
		Token                                         string `json:"access_token"`
		Want                                          string `json:"expected_signature"`
	} `json:"request_signature_small"`
	Webhook struct {
		Vectors []struct {
			Name, Endpoint, Secret string
			Body                   string `json:"wire_body"`
			Mode                   string `json:"hash_mode"`
			Normalized             string `json:"normalized_json"`
			Headers                map[string]string
		}
	}
	Canonical []struct {
		In, Out string
		Literal string `json:"out_literal"`
		PHP     string `json:"out_php_reencode"`
		Quirk   bool
	} `json:"canonicalisation"`
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil || len(v.Token.Vectors) == 0 || len(v.Small) == 0 ||
		len(v.Webhook.Vectors) == 0 || len(v.Canonical) == 0 {
		t.Fatal("no vectors:", err)
	}
	return v
}

func TestTokenSignature(t *testing.T) {
	for _, v := range readVectors(t).Token.Vectors {
		if got := tokenSignature(v.ClientID, []byte(v.ClientSecret), v.Now); got != v.Want {
			t.Errorf("%s at %s: %s", v.ClientID, v.Now, got)
		}
	}
}

func TestHookSignature(t *testing.T) {
	for _, v := range readVectors(t).Webhook.Vectors {
		form := HashSorted
		if v.Mode == "raw" {
			form = HashRaw
		} else if strings.HasSuffix(v.Name, "php-cast") {
			form = HashPHP
		}
		hashed, err := normalise([]byte(v.Body), form)
		if err != nil {
			t.Fatal(v.Name, err)
		}
		if form != HashRaw && string(hashed) != v.Normalized {
			t.Errorf("%s: normalised to %s", v.Name, hashed)
		}
		token := strings.TrimPrefix(v.Headers["Authorization"], "Bearer ")
		if got := hookSignature([]byte(v.Secret), v.Endpoint, token, hashed,
			v.Headers["X-Timestamp"]); got != v.Headers["X-Signature"] {
			t.Errorf("%s: %s", v.Name, got)
		}
	}
	n := 0
	for _, v := range readVectors(t).Small {
		if v.Body == "" {
			continue // its hash is made up
		}
		n++
		hashed, err := normalise([]byte(v.Body), HashSorted)
		if err != nil || string(hashed) != v.Normalized {
			t.Errorf("%s: %s %v", v.Body, hashed, err)
		}
		if got := hookSignature([]byte(v.Secret), v.Endpoint, v.Token, hashed,
			v.Timestamp); got != v.Want {
			t.Errorf("%s: %s", v.Body, got)
		}
	}
	if n == 0 {
		t.Error("no small vector has a body")
	}
}

func TestNormalise(t *testing.T) {
	check := func(in, want string, form HashForm) {
		t.Helper()
		if got, err := normalise([]byte(in), form); err != nil || string(got) != want {
			t.Errorf("%s %s\n got %s %v\nwant %s", form, in, got, err, want)
		}
	}
	for _, v := range readVectors(t).Canonical {
		switch {
		case v.Literal != "":
			check(v.In, v.Literal, HashSorted)
			check(v.In, v.PHP, HashPHP)
		case v.Quirk:
			check(v.In, v.Out, HashPHP)
		default:
			check(v.In, v.Out, HashSorted)
			check(v.In, v.Out, HashPHP)
		}
	}
	long := `{"0":0,"1":1,"10":10,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9}`
	check(long, long, HashPHP) // sorted as text these keys are no list
	for _, bad := range []string{"", "{", "{} {}", `{"a":1}x`} {
		if got, err := normalise([]byte(bad), HashSorted); err == nil {
			t.Errorf("%q became %s", bad, got)
		}
	}
}

func TestPHPEscapes(t *testing.T) {
	if got := string(phpEscapes([]byte(
		`{"u":"https://é/😀"}`))); got != `{"u":"https:\/\/\u00e9\/\ud83d\ude00"}` {
		t.Error(got)
	}
}
