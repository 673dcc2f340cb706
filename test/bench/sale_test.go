package bench_test

import (
	"os"
	"testing"
	"time"
)

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// warm is how many sales nobody counts, at the start of each program.
func warm(s scale) int {
	if s.quick {
		return 0
	}
	return 20
}

// sellBeside makes sales at the house, the floor and the peer in turn, in fresh processes, and
// returns the samples of the code's frame and of the answer.
func sellBeside(t testing.TB, s scale) (frames, answers sides) {
	t.Helper()
	k := openKiosk(t, 1)
	display := k.sells()
	low, peer := openFloor(t), openPeer(t)
	frames, answers = sides{}, sides{}
	for i := range warm(s) + s.reps {
		add := func(name string, frame, answer float64) {
			if i >= warm(s) {
				frames[name] = append(frames[name], frame)
				answers[name] = append(answers[name], answer)
			}
		}
		p, asked, answered := k.start()
		shown := display.next()
		add("ours", ms(shown.at.Sub(asked)), ms(answered.Sub(asked)))
		k.settle(p)
		frame, answer := low.sell()
		add("floor", frame, answer)
		frame, answer = peer.sell()
		add("peer", frame, answer)
	}
	return frames, answers
}

const saleNote = "kiosk-agent with a relay, the floor (one PBKDF2 of 1000 rounds, one fsync, " +
	"WebSockets over loopback) and the one-file Node agent sell in turn"

func tillToFrame(t testing.TB, s scale) sides { frames, _ := sellBeside(t, s); return frames }

func tillToAnswer(t testing.TB, s scale) sides { _, answers := sellBeside(t, s); return answers }

// storeSettles is more than the time for which the relay syncs the store's directory for each hook.
const storeSettles = 3 * time.Second

// webhook is from the gateway's POST until the till hears approved: the relay stores, the agent
// opens, stores and tells.
func webhook(t testing.TB, s scale) sides {
	k := openKiosk(t, 1)
	display := k.sells()
	low := openFloor(t)
	all := sides{}
	// What the relay's store does in its first seconds, while its files are new, is not asked for.
	for begun := time.Now(); !s.quick && time.Since(begun) < storeSettles; {
		p, _, _ := k.start()
		display.next()
		k.settle(p)
	}
	for i := range warm(s) + s.reps {
		p, _, _ := k.start()
		display.next()
		took := k.settle(p)
		at, taken := notify(t, "http://"+low.address+"/hook",
			seal(t, floorKey, "bench-client", paid(p, i)))
		told := low.till.next()
		if err := <-taken; err != nil {
			t.Fatal(err)
		}
		if i >= warm(s) {
			all["ours"] = append(all["ours"], ms(took))
			all["floor"] = append(all["floor"], ms(told.at.Sub(at)))
		}
	}
	return all
}

// frameBytes is what goes over the display's socket for a code.
func frameBytes(t testing.TB, s scale) sides {
	k := openKiosk(t, 1)
	display := k.sells()
	all := sides{}
	for range s.reps {
		p, _, _ := k.start()
		all["ours"] = append(all["ours"], float64(len(display.next().data)))
		k.settle(p)
	}
	return all
}

// onDisk is the folder for files where a sync costs what it costs.
func onDisk(t testing.TB) {
	t.Helper()
	if os.Getenv("TMPDIR") == "" {
		if err := os.Setenv("TMPDIR", "/var/tmp"); err != nil { // rather on a disk than /tmp
			t.Fatal(err)
		}
	}
}
