package payment_test

import (
	"errors"
	"fmt"
	"time"

	"kiosk-agent/payment"
)

func ExampleParseMoney() {
	m, err := payment.ParseMoney("10.23", payment.SGD)
	fmt.Println(m.Amount, m, err)
	_, err = payment.ParseMoney("10.2", payment.SGD)
	fmt.Println(errors.Is(err, payment.ErrMoney), err)
	// Output:
	// 1023 SGD 10.23 <nil>
	// true malformed amount: "10.2" needs exactly 2 decimals
}

// What a till is told follows from the facts alone: first nothing is certain, then the gateway
// names this payment with everything equal.
func ExampleFold() {
	const ref = "K001-01JABCDEFGHJKMNPQRSTVWXYZ0"
	price := payment.Money{Amount: 1023, Currency: payment.SGD}
	paid := payment.Record{MerchantRef: ref, TransactionRef: "2882422403003554193",
		Type: payment.TypePay, Status: payment.RecordSuccess, Amount: 1023, Currency: "SGD"}

	var facts []payment.Fact
	for i, data := range []payment.Data{
		payment.Requested{Till: "till-1", Reference: "R1", MerchantRef: ref, Money: price},
		payment.Minted{Payload: "https://gateway.example/pay"},
		payment.Notified{Source: "webhook", Record: paid},
		payment.Offered{Revision: 3, Status: payment.StatusApproved},
		payment.Acknowledged{Revision: 3},
	} {
		facts = append(facts, payment.Fact{Seq: int64(i + 1), Payment: "01JABC", Boot: "boot-1",
			Up: time.Duration(i) * time.Second, Data: data})
		p, _ := payment.Fold(facts)
		fmt.Printf("%-12s %-8s owed %t\n", data.Kind(), p.Status, p.Owed)
	}
	// Output:
	// requested    created  owed false
	// minted       awaiting owed false
	// notified     approved owed true
	// offered      approved owed true
	// acknowledged approved owed false
}

// The status function is a truth table: it sees what the facts amount to, and nothing else.
func ExampleDecide() {
	fmt.Println(payment.Decide(payment.Evidence{Minted: true}))
	fmt.Println(payment.Decide(payment.Evidence{Minted: true, Paid: true}))
	fmt.Println(payment.Decide(payment.Evidence{Minted: true, Contradicts: true}))
	fmt.Println(payment.Decide(payment.Evidence{Minted: true, Cancel: true, Searched: true}))
	// Output:
	// awaiting
	// approved
	// unknown
	// cancelled
}

func ExampleCodeOf() {
	err := fmt.Errorf("start: %w", &payment.Error{Code: payment.CodeBusy, Op: "start",
		Message: "another payment is running"})
	fmt.Println(payment.CodeOf(err))
	fmt.Println(payment.CodeOf(errors.New("anything else")))
	// Output:
	// busy
	// internal
}
