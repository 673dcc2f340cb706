package webaddr

import (
	"strings"
	"testing"
)

func TestLoopback(t *testing.T) {
	for _, host := range []string{"localhost", "LocalHost", "127.0.0.1", "127.8.9.10", "::1",
		"::ffff:127.0.0.1"} {
		if !Loopback(host) {
			t.Errorf("%s is this machine", host)
		}
	}
	for _, host := range []string{"", "localhost.example", "127.0.0.1.example", "10.0.0.1",
		"0.0.0.0", "::", "::ffff:10.0.0.1", "127.0.0.1:80", "[::1]"} {
		if Loopback(host) {
			t.Errorf("%s is not this machine", host)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, raw := range []string{"https://shop.example", "https://shop.example:8443/a?b#c",
		"http://127.0.0.1:8080/x", "http://localhost", "http://[::1]/"} {
		if u, problem := Check(raw, 512); problem != "" || u.String() != raw {
			t.Errorf("%s: %s", raw, problem)
		}
	}
	for raw, want := range map[string]string{
		"": "empty", "https://shop.example/" + strings.Repeat("x", 512): "longer than 512",
		"https://shop.example/ü": "printable", "https://shop.example/\n": "printable",
		"shop.example": "absolute", "https:shop.example": "absolute", "https://:443/": "absolute",
		"https://a b/": "absolute", "https://user@shop.example/": "user name",
		"https://user:pass@shop.example/": "password", "http://shop.example/": "not https",
		"ftp://shop.example/": "not https", "http://127.0.0.1.example/": "not https",
		"javascript://localhost/": "not https",
	} {
		if u, problem := Check(raw, 512); u != nil || !strings.Contains(problem, want) {
			t.Errorf("%q: %q, want %q", raw, problem, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for s, want := range map[string]bool{"": false, "a": true, " ~": true, "abc": true,
		"abcd": false, "\x1f": false, "\x7f": false, "é": false} {
		if Printable(s, 1, 3) != want {
			t.Errorf("%q", s)
		}
	}
}
