package offline

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"kiosk-agent/payment"
)

// chainFormat is meta.format: it changes when the encoding below does.
const chainFormat = "1"

// Domain separation: no hash of this journal can be one of another format or of another kind of
// thing.
const (
	genesisDomain = "kiosk-agent journal genesis v1\n"
	factDomain    = "kiosk-agent journal fact v1\n"
)

type digest = [sha256.Size]byte

// genesis stands before fact 1: SHA-256 of the domain and the journal's id.
func genesis(journalID string) digest { return sha256.Sum256([]byte(genesisDomain + journalID)) }

// record is one row of facts, as stored.
type record struct {
	seq      int64
	payment  string // "" = NULL
	kind     string
	atMs     int64
	boot     string
	upMs     int64
	body     []byte // nil = NULL, dropped by retention
	bodyHash digest
	content  string // "" = NULL
	hash     digest
}

// link is the hash that the record must have after prev. The encoding is canonical because every
// part has a fixed length or is preceded by its own; integers are big-endian and 64 bits, lengths
// 32 bits:
//
//	SHA-256( domain | prev (32) | seq | at_ms | up_ms | len kind | kind | len payment | payment |
//	         len boot | boot | len content | content | body_hash (32) )
func (r *record) link(prev digest) digest {
	b := make([]byte, 0, 384)
	b = append(b, factDomain...)
	b = append(b, prev[:]...)
	for _, n := range [...]int64{r.seq, r.atMs, r.upMs} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	for _, s := range [...]string{r.kind, r.payment, r.boot, r.content} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	b = append(b, r.bodyHash[:]...)
	return sha256.Sum256(b)
}

// droppable reports whether retention may drop the bodies of this kind. The fold needs nothing of
// them but that they happened. The trigger facts_no_update has the same list.
func droppable(k payment.Kind) bool { return k == payment.KindMinted || k == payment.KindParked }

// fact reads the record back. A body that retention dropped reads as the empty data of its kind.
func (r *record) fact() (payment.Fact, error) {
	body := r.body
	if body == nil && droppable(payment.Kind(r.kind)) {
		body = []byte("{}")
	}
	data, err := payment.DecodeData(payment.Kind(r.kind), body)
	if err != nil {
		return payment.Fact{}, err
	}
	return payment.Fact{
		Seq: r.seq, Payment: r.payment, At: time.UnixMilli(r.atMs).UTC(), Boot: r.boot,
		Up: payment.Millis(r.upMs).Duration(), Data: data,
	}, nil
}
