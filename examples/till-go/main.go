// Till-go starts a payment, waits for its outcome, stores and acknowledges it. Start it again with
// the same reference after a crash: it never charges twice.
//
//	till-go URL TOKEN REFERENCE CENTS
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
	Final                 bool
	Revision              int64
}

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: till-go URL TOKEN REFERENCE CENTS")
	}
	websocket.DefaultDialer.Subprotocols = []string{"kiosk-till.v1"}
	auth := http.Header{"Authorization": {"Bearer " + os.Args[2]}}
	conn, _, err := websocket.DefaultDialer.Dial(os.Args[1], auth)
	check(err)
	type object = map[string]any
	call := func(id int, method string, params object) {
		check(conn.WriteJSON(object{"jsonrpc": "2.0",
			"id": id, "method": method, "params": params}))
	}
	call(1, "payment.start", object{"reference": os.Args[3], "amount": json.Number(os.Args[4])})
	for {
		var m struct {
			ID     int
			Params struct{ Payment payment } // of payment.changed
			Result payment
			Error  json.RawMessage // data.hint says what to do
		}
		if err := conn.ReadJSON(&m); err != nil || m.Error != nil {
			log.Fatalf("%v %s", err, m.Error) // connection lost? again with the same reference
		}
		if m.ID == 2 {
			return // acknowledged
		} else if p := cmp.Or(m.Result, m.Params.Payment); p.Final && p.Reference == os.Args[3] {
			fmt.Println(p.ID, p.Status) // a real till stores its other outcomes too
			check(os.WriteFile(p.ID+".outcome", fmt.Appendln(nil, p.Revision, p.Status), 0o600))
			call(2, "payment.acknowledge", object{"id": p.ID, "revision": p.Revision})
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
