package ui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
)

//go:embed assets
var files embed.FS

const maxLogo = 512 << 10

// page is everything that is served over plain HTTP, made once.
type page struct {
	html     []byte
	denied   []byte
	assets   map[string][]byte
	logo     []byte
	logoType string
	build    string // names this very page: a page with another one reloads itself
}

// setup is what the page needs before it has heard the agent: it must be able to say "please wait"
// in every language.
type setup struct {
	Build     string                       `json:"build"`
	Merchant  string                       `json:"merchant"`
	Logo      bool                         `json:"logo"`
	Languages []string                     `json:"languages"`
	Tags      map[string]string            `json:"tags"` // language → tag of HTML
	Texts     map[string]map[string]string `json:"texts"`
}

func newPage(cfg Config) (page, error) {
	texts, err := loadTexts(cfg.Languages)
	if err != nil {
		return page{}, err
	}
	p := page{assets: map[string][]byte{}}
	if len(cfg.Logo) > 0 {
		if p.logoType, err = logoType(cfg.Logo); err != nil {
			return page{}, err
		}
		p.logo = bytes.Clone(cfg.Logo)
	}
	s := setup{Merchant: clip(cfg.MerchantName, 80), Logo: p.logo != nil,
		Languages: slices.Clone(cfg.Languages), Tags: map[string]string{}, Texts: texts}
	for _, l := range languages {
		if texts[l.code] != nil {
			s.Tags[l.code] = l.tag
		}
	}
	sum := sha256.New()
	err = fs.WalkDir(files, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(name)
		p.assets[path.Base(name)] = b
		fmt.Fprintf(sum, "%s %d\n%s", name, len(b), b)
		return err
	})
	if err != nil {
		return page{}, fmt.Errorf("ui: %w", err)
	}
	sum.Write(encode(s))
	sum.Write(p.logo)
	p.build = hex.EncodeToString(sum.Sum(nil)[:8])
	s.Build = p.build
	if p.html, err = render("index.html", p.assets, s, cfg.Languages[0]); err != nil {
		return page{}, err
	}
	p.denied, err = render("denied.html", p.assets, s, cfg.Languages[0])
	return p, err
}

func render(name string, assets map[string][]byte, s setup, lang string) ([]byte, error) {
	t, err := template.New(name).Parse(string(assets[name]))
	if err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	delete(assets, name)
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{"Setup": string(encode(s)), "Merchant": s.Merchant,
		"Lang": s.Tags[lang]})
	if err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	return b.Bytes(), nil
}

// logoType looks at the content, never at a file's name. An SVG is shown as an image only, where
// its scripts do not run.
func logoType(b []byte) (string, error) {
	if len(b) > maxLogo {
		return "", fmt.Errorf("ui: the logo has %d bytes, at most %d are accepted", len(b), maxLogo)
	}
	kind := http.DetectContentType(b)
	if slices.Contains([]string{"image/png", "image/jpeg", "image/webp"}, kind) {
		return kind, nil
	}
	if strings.HasPrefix(kind, "text/") && bytes.Contains(b[:min(len(b), 1024)], []byte("<svg")) {
		return "image/svg+xml", nil
	}
	return "", errors.New("ui: the logo is neither PNG, JPEG, WebP nor SVG")
}

func (p page) serve(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(p.html)
}

func (p page) serveUnauthorized(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = w.Write(p.denied)
}

func (p page) serveAsset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	b, ok := p.assets[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	kind := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) { // the system's table may differ, and nosniff makes a wrong type fatal
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".svg":
		kind = "image/svg+xml"
	case ".css":
		kind = "text/css; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(b)
}

func (p page) serveLogo(w http.ResponseWriter, r *http.Request) {
	if p.logo == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", p.logoType)
	_, _ = w.Write(p.logo)
}
