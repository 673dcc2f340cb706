// Till-go starts a payment, waits for its outcome, stores and acknowledges it. Start it again with
// the same reference after a crash, however late: it never charges twice.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/gorilla/websocket"
)

type payment struct {
	ID, Reference, Status string
	Amount, Revision      int64
	Final, Acknowledged   bool
}

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: till-go URL TOKEN REFERENCE CENTS")
	}
	websocket.DefaultDialer.Subprotocols = []string{"kiosk-till.v1"}
	auth, ref, cents := "Bearer "+os.Args[2], os.Args[3], os.Args[4]
	conn, _, err := websocket.DefaultDialer.Dial(os.Args[1], http.Header{"Authorization": {auth}})
	type object = map[string]any
	call := func(id int, method string, params object) {
		if err == nil {
			err = conn.WriteJSON(object{"jsonrpc": "2.0",
				"id": id, "method": method, "params": params})
		}
	}
	call(1, "payment.start", object{"reference": ref, "amount": json.Number(cents)})
	for err == nil {
		var m, refused struct {
			ID           int
			Params, Data struct{ Payment payment } // of payment.changed; of a refusal
			Result       payment
			Error        json.RawMessage // data.hint says what to do
		}
		err = conn.ReadJSON(&m)
		_ = json.Unmarshal(m.Error, &refused)
		switch p := cmp.Or(m.Result, m.Params.Payment, refused.Data.Payment); {
		case err != nil: // connection lost? again with the same reference
		case p.Reference == ref && fmt.Sprint(p.Amount) == cents && p.Final && !p.Acknowledged:
			fmt.Println(p.ID, p.Status) // even refused: that sale was ours, and we had not heard
			err = os.WriteFile(p.ID+".outcome", fmt.Appendln(nil, p.Revision, p.Status), 0o600)
			call(2, "payment.acknowledge", object{"id": p.ID, "revision": p.Revision})
		case m.Error != nil:
			log.Fatalf("%s", m.Error)
		case m.ID == 2:
			return // acknowledged
		}
	}
	log.Fatal(err)
}
