package ecr_test

import (
	"fmt"

	"kiosk-agent/device/ecr"
)

// A till asks for a sale of 10.23; the terminal finds the frame in what the line brings, byte by
// byte, and says that it is busy.
func Example() {
	d, err := ecr.Builtin("paycube")
	if err != nil {
		panic(err)
	}
	amount, err := d.AmountField(1023)
	if err != nil {
		panic(err)
	}
	frame, err := d.Append(nil, d.NewRequest("251210091401", "Q1", amount).Message)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%x\n", frame)

	terminal := d.NewRequestScanner()
	for _, b := range frame {
		event, _ := terminal.Next([]byte{b})
		if event.Kind != ecr.Frame {
			continue
		}
		cents, err := event.Request.Amount()
		fmt.Println(event.Request.Kind(), cents, err)
		answer := d.Respond(event.Request.Message, ecr.Busy, ecr.ResponseData{})
		fmt.Printf("%x\n", answer[:21])
	}
	// Output:
	// 02003532353132313030393134303151313031301c343000123030303030303030313032331c0379
	// sale 1023 <nil>
	// 02006332353132313030393134303151314536301c
}

// A dialect of one's own says only what differs.
func ExampleParse() {
	d, err := ecr.Parse("mine.toml", []byte(`
base = "nets"
name = "mine"
[outcomes]
busy = { code = "BY", text = "ONE MOMENT" }
`))
	if err != nil {
		panic(err)
	}
	fmt.Println(d.Answer(ecr.Busy))
	fmt.Println(d.Answer(ecr.Approved))

	_, err = ecr.Parse("mine.toml", []byte(`
base = "nets"
name = "mine"
[timers]
akc = "1s"
`))
	fmt.Println(err)
	// Output:
	// BY ONE MOMENT
	// 00 APPROVED
	// mine.toml:5: timers.akc: no such key; kiosk-agent ecr blueprint prints them all
}

// A capture is explained element by element: here the LRC is wrong by one bit.
func ExampleExplain() {
	d, err := ecr.Builtin("paycube")
	if err != nil {
		panic(err)
	}
	report := ecr.Explain(d, []byte(
		"till: 02 0018 323531323130303931343031 4131 3031 30 1c 03 4f\n"))
	fmt.Println(report.Right, "of", report.Frames, "frames are right")
	for _, item := range report.Items {
		if item.Wrong != "" {
			fmt.Printf("at %d, %s %x: %s\n", item.Offset, item.What, item.Bytes, item.Wrong)
		}
	}
	// Output:
	// 0 of 1 frames are right
	// at 22, LRC 4f: is 4f, expected 4e: XOR from length through etx, seed 00
}
