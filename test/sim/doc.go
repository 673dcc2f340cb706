// Package sim is the room in which money is tried to be lost: the real step machines
// (payment/engine, relay, device/till), the real relay's decisions (relay/relayd/rules) and the
// real journal (offline, on a tmpfs) work in a simulated world, on one goroutine, in simulated
// time. One seed decides everything: the sales, the customers, and every fault of the disk, the
// clocks, the network, the relay and its store, the gateway, the display and the tills. The same
// seed gives the same run, byte for byte; its history can be printed.
//
// In a third of the runs the gateway makes the codes: it is asked over the network, which may lose
// the request or the answer, and a code exists whether or not the agent ever hears of it. Customers
// pay only what they have seen.
//
// settings.go is what staff configure between two processes, backup.go and retention.go are the
// product's own; sibling.go is another kiosk on the merchant's route.
//
// The wiring mirrors internal/app/agent: what the shells do with effects is done here by agent.go,
// client.go and line.go, one step at a time, and may be cut off between any two of them.
//
// An oracle that uses neither payment.Fold nor the engine judges: it knows what the simulated
// gateway really collected, what each till was told and has in its book, and what was committed.
// oracle.go checks what can be checked at once, verdict.go what must hold once everything has been
// mended.
//
// It is no test of the shells (testing/synctest does that), of bytes (device/ecr, payment/axs have
// golden files) or of real disks and processes (make torture). A World is for one goroutine; Run
// makes one for each seed and may be called from several. Nothing survives it: the journal's
// directory is removed.
package sim
