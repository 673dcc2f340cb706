// Till-go starts a payment, waits for its outcome, stores and acknowledges it. Start it again with the same reference after a crash:
// it finds the same payment and never charges twice. Usage: till-go URL TOKEN REFERENCE CENTS
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
	conn, _, err := websocket.DefaultDialer.Dial(os.Args[1], http.Header{"Authorization": {"Bearer " + os.Args[2]}})
	check(err)
	call := func(id int, method string, params map[string]any) {
		check(conn.WriteJSON(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
	}
	call(1, "payment.start", map[string]any{"reference": os.Args[3], "amount": json.Number(os.Args[4])})
	for {
		var m struct {
			ID     int
			Params struct{ Payment payment } // of payment.changed
			Result payment
			Error  json.RawMessage // data.hint says what to do
		}
		if err := conn.ReadJSON(&m); err != nil || m.Error != nil {
			log.Fatalf("%v %s", err, m.Error) // connection lost? connect and start again with the same reference
		}
		if m.ID == 2 {
			return // acknowledged
		}
		p := cmp.Or(m.Result, m.Params.Payment)
		if p.Final && p.Reference == os.Args[3] { // a till stores its other outcomes too, whenever they come
			fmt.Println(p.ID, p.Status)
			check(os.WriteFile(p.ID+".outcome", fmt.Appendln(nil, p.Revision, p.Status), 0o600)) // store first; a real till: fsync
			call(2, "payment.acknowledge", map[string]any{"id": p.ID, "revision": p.Revision})
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
