package singapay

import "sync"

// maxSeen is how many references a memory knows; beyond it, any one is forgotten.
const maxSeen = 512

// memory knows under which id SingaPay keeps a reference, which spares a question the search. It is
// only ever a hint: what is found under the id must have the reference.
type memory struct {
	mu  sync.Mutex
	ids map[string]string
}

func newMemory() *memory { return &memory{ids: make(map[string]string)} }

func (m *memory) put(prefix, ref, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.ids[prefix+ref]; !known && len(m.ids) >= maxSeen {
		for some := range m.ids {
			delete(m.ids, some)
			break
		}
	}
	m.ids[prefix+ref] = id
}

func (m *memory) get(prefix, ref string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ids[prefix+ref]
}
