package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes kiosk-demo, the real main, a program of the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kiosk-demo": main})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}
