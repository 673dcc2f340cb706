package strangers

import (
	"bytes"
	"maps"
	"net/http"
)

// OneByOne has h answer one request at a time, into memory: a page that costs more than it is long
// costs that once, however many ask for it and read it slowly. Who is gone before it is his turn
// gets nothing.
func OneByOne(h http.Handler) http.Handler {
	turn := make(chan struct{}, 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case turn <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		var page written
		func() {
			defer func() { <-turn }()
			h.ServeHTTP(&page, r)
		}()
		maps.Copy(w.Header(), page.head)
		if page.status != 0 {
			w.WriteHeader(page.status)
		}
		_, _ = w.Write(page.body.Bytes())
	})
}

// written is an answer in memory.
type written struct {
	head   http.Header
	status int
	body   bytes.Buffer
}

func (p *written) Header() http.Header {
	if p.head == nil {
		p.head = make(http.Header)
	}
	return p.head
}

func (p *written) WriteHeader(status int) {
	if p.status == 0 {
		p.status = status
	}
}

func (p *written) Write(b []byte) (int, error) { return p.body.Write(b) }
