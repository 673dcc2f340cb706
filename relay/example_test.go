package relay_test

import (
	"errors"
	"fmt"
	"time"

	"kiosk-agent/relay"
)

func ExampleDecode() {
	message, err := relay.Decode([]byte(`{"type":"delivery","kind":"mark",` +
		`"position":{"epoch":"e1","seq":7,"id":"01JD4Z"},` +
		`"received_at":"2026-11-20T12:00:00.000Z"}`))
	if err != nil {
		panic(err)
	}
	d := message.(relay.Delivery)
	fmt.Println(d.Kind, d.Position.Seq, d.ReceivedAt.Format(time.TimeOnly))

	_, err = relay.Decode([]byte(`{"type":"delivery","kind":"mark"}`))
	fmt.Println(errors.Is(err, relay.ErrMalformed))
	// Output:
	// mark 7 12:00:00
	// true
}

// A delivery is acknowledged when the handler has committed it, and not before.
func ExampleMachine() {
	m := relay.NewMachine(relay.Timing{WelcomeTimeout: 10 * time.Second},
		relay.Ports{Jitter: func() float64 { return 0 }}, "1.0", false, nil)
	var now relay.Now
	step := func(ev relay.Event) {
		now.Up += time.Millisecond
		fmt.Printf("%T:", ev)
		for _, e := range m.Step(now, ev) {
			switch e := e.(type) {
			case relay.Send:
				fmt.Printf(" send %T;", e.Message)
			case relay.Observe: // for the log
			default:
				fmt.Printf(" %T;", e)
			}
		}
		fmt.Println()
	}
	step(relay.Started{})
	step(relay.HeadRead{Conn: 1})
	step(relay.HeadJudged{Conn: 1})
	step(relay.JournalRead{Conn: 1, Head: relay.Head{JournalID: "j", Seq: 4, Hash: "h"}})
	step(relay.Dialed{Conn: 1})
	step(relay.Received{Conn: 1, Message: relay.Welcome{Epoch: "e1", First: 1, Last: 1}})
	step(relay.Received{Conn: 1, Message: relay.Delivery{Kind: relay.KindHook,
		Position: relay.Position{Epoch: "e1", Seq: 1, ID: "01JD4Z"}}})
	step(relay.Handled{Head: relay.Head{JournalID: "j", Seq: 5, Hash: "i"}})
	// Output:
	// relay.Started: relay.ReadHead;
	// relay.HeadRead: relay.JudgeHead;
	// relay.HeadJudged: relay.ReadJournal;
	// relay.JournalRead: relay.Dial;
	// relay.Dialed:
	// relay.Received:
	// relay.Received: relay.Handle;
	// relay.Handled: send relay.Ack;
}
