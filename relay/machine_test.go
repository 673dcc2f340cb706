package relay

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// bench drives a machine with a clock of its own and writes down what it does.
type bench struct {
	t     *testing.T
	m     *Machine
	now   Now
	lines []string
	conn  int
	nonce string
}

func newBench(t *testing.T, every time.Duration) *bench {
	n := 0
	ports := Ports{
		Nonce:  func() string { n++; return fmt.Sprintf("nonce-%012d", n) },
		Jitter: func() float64 { return 0 },
	}
	timing := Timing{
		CanaryEvery: every, CanaryTimeout: 10 * time.Second, WelcomeTimeout: 10 * time.Second,
		BackoffMin: 500 * time.Millisecond, BackoffMax: 30 * time.Second,
		ReplacedWait: 30 * time.Second,
	}
	b := &bench{t: t, m: NewMachine(timing, ports, "test", true, nil),
		now: Now{Wall: sampleTime, Boot: "boot", Up: time.Hour}}
	return b
}

// step feeds one event and writes each effect as a line.
func (b *bench) step(ev Event) *bench {
	for _, e := range b.m.Step(b.now, ev) {
		switch e := e.(type) {
		case ReadJournal:
			b.conn = e.Conn
			b.lines = append(b.lines, "read")
		case ReadHead:
			b.conn = e.Conn
			b.lines = append(b.lines, "ask")
		case JudgeHead:
			b.lines = append(b.lines, "judge "+knownText(e.Known))
		case TakeHead:
			b.lines = append(b.lines, "take")
		case Dial:
			b.lines = append(b.lines, fmt.Sprintf("dial %v", e.Hello.Position))
		case Send:
			switch m := e.Message.(type) {
			case Ack:
				b.lines = append(b.lines, fmt.Sprintf("ack %d head %d", m.Position.Seq,
					m.Journal.Seq))
			case HeadMessage:
				b.lines = append(b.lines, fmt.Sprintf("tell head %d", m.Journal.Seq))
			}
		case Close:
			b.lines = append(b.lines, "close")
		case Handle:
			switch m := e.Message.(type) {
			case Delivery:
				b.lines = append(b.lines, fmt.Sprintf("deliver %d", m.Position.Seq))
			case Gap:
				b.lines = append(b.lines, "gap "+m.Reason)
			}
		case PostCanary:
			b.nonce = e.Nonce
			b.lines = append(b.lines, "canary")
		case Observe:
			b.lines = append(b.lines, describe(e.Observation))
		default:
			b.t.Fatalf("unknown effect %T", e)
		}
	}
	return b
}

func knownText(k KnownHead) string {
	switch {
	case k.Unsupported:
		return "unsupported"
	case k.Head == nil:
		return "none"
	default:
		return fmt.Sprint(k.Head.JournalID, k.Head.Seq)
	}
}

// judged lets the relay's memory of the journal pass.
func (b *bench) judged() *bench {
	return b.step(HeadRead{Conn: b.conn}).step(HeadJudged{Conn: b.conn})
}

func describe(e Observation) string {
	switch e := e.(type) {
	case Disconnected:
		return fmt.Sprintf("disconnected %v", e.RetryIn)
	case CanaryReturned:
		return fmt.Sprintf("returned %v", e.RTT)
	case ClockOffset:
		return fmt.Sprintf("offset %v±%v", e.Offset, e.Uncertainty)
	case Connected, CaughtUp, GapSeen, CanaryFailed, HeadKnown:
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", e), "relay.")
}

func (b *bench) after(d time.Duration) *bench {
	b.now.Up += d
	b.now.Wall = b.now.Wall.Add(d)
	return b
}

func (b *bench) message(m Message) *bench { return b.step(Received{b.conn, m}) }

// connected goes to the state after welcome and forgets the lines up to there.
func (b *bench) connected() *bench {
	b.step(Started{}).judged().step(JournalRead{Conn: b.conn}).step(Dialed{Conn: b.conn})
	b.message(Welcome{Epoch: "e", Now: Time{b.now.Wall}})
	b.lines = nil
	return b
}

// want compares the lines since the last call.
func (b *bench) want(lines ...string) *bench {
	b.t.Helper()
	if diff := cmp.Diff(lines, b.lines); diff != "" {
		b.t.Errorf("(-want +got):\n%s", diff)
	}
	b.lines = nil
	return b
}

func hookAt(seq uint64) Delivery {
	return Delivery{Kind: KindHook, Position: Position{"e", seq, "i"}, ReceivedAt: sampleTime}
}

func (b *bench) canaryBack(nonce string) *bench {
	return b.message(Delivery{Kind: KindCanary, Nonce: nonce, Position: Position{"e", 1, "i"},
		ReceivedAt: b.now.Wall})
}

func TestConnectAndDeliverInOrder(t *testing.T) {
	b := newBench(t, time.Minute)
	b.step(Started{}).want("ask")
	b.step(HeadRead{Conn: b.conn, Known: KnownHead{Head: &Head{JournalID: "j", Seq: 3}}})
	b.want("judge j3")
	b.step(HeadJudged{Conn: b.conn}).want("read")
	b.step(JournalRead{Conn: b.conn, Has: true, Position: Position{"e", 7, "i"}})
	b.want("dial &{e 7 i}")
	b.step(Dialed{Conn: b.conn}).want()
	b.after(40 * time.Millisecond).message(
		Welcome{Epoch: "e", Now: Time{b.now.Wall.Add(time.Second)}})
	b.want("Connected", "HeadKnown", "offset 1.02s±21ms", "canary")
	b.message(Gap{Reason: "x"}).message(hookAt(8)).message(hookAt(9)).message(CaughtUpMessage{})
	b.want("gap x")
	b.step(Handled{}).want("GapSeen", "deliver 8")
	b.step(Handled{Head: Head{Seq: 1}}).want("ack 8 head 1", "deliver 9")
	b.step(Handled{Head: Head{Seq: 2}}).want("ack 9 head 2", "CaughtUp")
}

func TestRefusedDeliveryIsNotAcknowledged(t *testing.T) {
	b := newBench(t, 0).connected()
	b.message(hookAt(1)).message(hookAt(2)).want("deliver 1")
	refusal := Handled{Err: errors.New("disk full")}
	b.step(refusal).want("close", "disconnected 1s")
	// A journal that keeps refusing slows down, although each connection is welcomed.
	for _, wait := range []string{"2s", "4s", "8s", "16s", "30s", "30s"} {
		b.after(30 * time.Second).step(Ticked{}).connectedAgain()
		b.message(hookAt(1)).want("deliver 1")
		b.step(refusal).want("close", "disconnected "+wait)
	}
	b.after(30 * time.Second).step(Ticked{}).connectedAgain()
	b.message(hookAt(1)).step(Handled{}).want("deliver 1", "ack 1 head 0")
	b.step(Lost{b.conn, errors.New("x")}).want("close", "disconnected 500ms")
}

func (b *bench) connectedAgain() *bench {
	b.judged().step(JournalRead{Conn: b.conn}).step(Dialed{Conn: b.conn}).message(
		Welcome{Epoch: "e", Now: Time{b.now.Wall}})
	b.lines = nil
	return b
}

// TestLostWhileHandling: the next hello waits for the handler, because only then is the durable
// position known.
func TestLostWhileHandling(t *testing.T) {
	b := newBench(t, 0).connected()
	b.message(hookAt(1)).message(hookAt(2)).want("deliver 1")
	b.step(Lost{b.conn, errors.New("x")}).want("close", "disconnected 500ms")
	b.after(time.Minute).step(Ticked{}).want()
	if _, ok := b.m.NextWake(); ok {
		t.Error("a timer is wanted while only the handler can go on")
	}
	b.step(Handled{}).want("ask") // no ack on a connection that is gone
}

func TestStaleAnswersAreIgnored(t *testing.T) {
	b := newBench(t, 0).connected()
	old := b.conn
	b.step(Lost{old, errors.New("x")}).after(time.Second).step(Ticked{}).connectedAgain()
	b.step(Lost{old, errors.New("x")}).step(Received{old, hookAt(1)}).step(
		Dialed{Conn: old}).step(JournalRead{Conn: old})
	b.step(Handled{}).step(CanaryPosted{Nonce: "unknown"}).want()
}

func TestBackoff(t *testing.T) {
	b := newBench(t, 0).step(Started{})
	b.lines = nil
	for _, wait := range []string{"500ms", "1s", "2s", "4s", "8s", "16s", "30s", "30s"} {
		b.judged().step(JournalRead{Conn: b.conn}).step(Dialed{Conn: b.conn, Err: &DialError{503}})
		b.want("judge none", "read", "dial <nil>", "disconnected "+wait)
		b.after(30 * time.Second).step(Ticked{}).want("ask")
	}
	b.connectedAgain().step(Lost{b.conn, &CloseError{CloseReplaced, ""}}).want("close",
		"disconnected 30s")
}

func TestNoWelcome(t *testing.T) {
	b := newBench(t, 0).step(Started{}).judged().step(JournalRead{Conn: 1}).step(Dialed{Conn: 1})
	b.lines = nil
	b.after(10*time.Second - 1).step(Ticked{}).want()
	b.after(1).step(Ticked{}).want("close", "disconnected 500ms")
}

func TestCanaryCounts(t *testing.T) {
	b := newBench(t, time.Minute).connected()
	first := b.nonce
	b.canaryBack("forged-0123456789").want()
	b.after(30*time.Millisecond).canaryBack(first).want("returned 30ms", "offset 15ms±16ms")
	b.canaryBack(first).want() // once only
	b.step(CanaryAsked{}).want("canary")
	// not before what stands in front of it
	b.after(time.Second).message(hookAt(1)).canaryBack(b.nonce).want("deliver 1")
	b.after(time.Second).step(Handled{}).want("ack 1 head 0", "returned 2s", "offset 0s±1.001s")
	if at, ok := b.m.NextWake(); !ok || at != b.now.Up-2*time.Second+time.Minute {
		t.Errorf("next canary at %v, %v", at, ok)
	}
	b.step(CanaryAsked{}).step(CanaryPosted{b.nonce, errors.New("429")})
	b.want("canary", "CanaryFailed")
	b.step(Lost{b.conn, errors.New("x")}).step(CanaryAsked{}).want("close", "disconnected 500ms",
		"CanaryFailed")
}

func TestDeaf(t *testing.T) {
	b := newBench(t, 11*time.Second).connected()
	b.after(10 * time.Second).step(Ticked{}).want("CanaryFailed")
	b.after(time.Second).step(Ticked{}).want("canary")
	b.after(10*time.Second).step(Ticked{}).want("CanaryFailed", "close", "disconnected 500ms")

	b = newBench(t, 11*time.Second).connected()
	b.after(10 * time.Second).step(Ticked{}).want("CanaryFailed")
	// something arrives: not deaf
	b.after(time.Second).step(Ticked{}).message(hookAt(1)).want("canary", "deliver 1")
	b.step(Handled{}).after(10*time.Second).step(Ticked{}).want("ack 1 head 0", "CanaryFailed")

	b = newBench(t, 11*time.Second).connected() // a busy handler is no deafness
	b.message(hookAt(1)).after(10 * time.Second).step(Ticked{}).after(time.Second).step(Ticked{})
	b.after(10*time.Second).step(Ticked{}).want("deliver 1", "CanaryFailed", "canary",
		"CanaryFailed")
}

func TestOutOfTurn(t *testing.T) {
	b := newBench(t, 0).connected()
	b.message(Welcome{}).want("close", "disconnected 500ms")
	b = newBench(t, 0).connected()
	for i := range maxQueue + 1 {
		b.message(hookAt(uint64(i + 1)))
	}
	b.lines = nil
	b.message(hookAt(999)).want("close", "disconnected 500ms")
}

func TestSupersede(t *testing.T) {
	b := newBench(t, 0).connected()
	b.step(SupersedeAsked{Head{JournalID: "old"}}).want("close", "disconnected 0s", "ask")
	b.judged()
	for _, e := range b.m.Step(b.now, JournalRead{Conn: b.conn}) {
		if d, ok := e.(Dial); !ok || d.Hello.Supersedes == nil ||
			d.Hello.Supersedes.JournalID != "old" {
			t.Errorf("hello %+v", e)
		}
	}
}

// TestSupersedeOnce: staff's word that the present hello has brought is not said anew, although the
// relay still names the old head.
func TestSupersedeOnce(t *testing.T) {
	b := newBench(t, 0).connected()
	old := Head{JournalID: "old"}
	b.step(SupersedeAsked{old}).want("close", "disconnected 0s", "ask")
	b.connectedAgain().step(SupersedeAsked{old}).want()
	b.step(SupersedeAsked{Head{JournalID: "another"}}).want("close", "disconnected 0s", "ask")
}

// TestResume: a new hello at once, but the journal is asked only when nothing of the old connection
// is under way, for what it says may depend on that; and not a second time while it is asked.
func TestResume(t *testing.T) {
	b := newBench(t, 0).step(Started{}).want("ask").step(ResumeAsked{}).want()
	b.judged().want("judge none", "read").step(ResumeAsked{}).want()
	b.step(JournalRead{Conn: b.conn}).want("dial <nil>")
	b.step(ResumeAsked{}).want("close", "disconnected 0s", "ask")
	b.connectedAgain().message(hookAt(1)).want("deliver 1")
	b.step(ResumeAsked{}).want("close", "disconnected 0s")
	b.step(Handled{Head: Head{Seq: 1}}).want("ask")
	b.judged().want("judge none", "read")
	b.step(JournalRead{Conn: b.conn, Position: Position{Epoch: "e", Seq: 7, ID: "D7"}, Has: true})
	b.want("dial &{e 7 D7}")
}

// TestJudgedBeforeHello: no hello before the relay's memory of the journal was judged, and the
// journal is read after that: judging may have written to it.
func TestJudgedBeforeHello(t *testing.T) {
	b := newBench(t, 0).step(Started{}).want("ask")
	b.step(HeadJudged{Conn: b.conn}).step(JournalRead{Conn: b.conn}).want() // out of turn
	b.step(HeadRead{Conn: b.conn, Err: errors.New("503")}).want("disconnected 500ms")
	b.after(time.Minute).step(Ticked{}).want("ask")
	b.step(HeadRead{Conn: b.conn - 1}).want() // stale
	b.step(HeadRead{Conn: b.conn, Known: KnownHead{Unsupported: true}}).want("judge unsupported")
	b.step(HeadJudged{Conn: b.conn - 1}).step(Ticked{}).want()
	b.step(HeadJudged{Conn: b.conn, Err: errors.New("disk full")}).want("disconnected 1s")
	b.after(time.Minute).step(Ticked{}).want("ask")
	b.step(HeadRead{Conn: b.conn}).want("judge none")
	b.step(HeadJudged{Conn: b.conn}).want("read")
	b.step(JournalRead{Conn: b.conn}).want("dial <nil>")
}

// accepted goes to the state after a welcome that accepts heads.
func (b *bench) accepted() *bench {
	b.step(Started{}).judged().step(JournalRead{Conn: b.conn}).step(Dialed{Conn: b.conn})
	b.message(Welcome{Epoch: "e", Now: Time{b.now.Wall}, Accepts: []string{"x", AcceptHead}})
	b.lines = nil
	return b
}

// TestHeadFollowsTheCanary: where the relay accepts it, once for each canary that came back, and as
// the journal is then.
func TestHeadFollowsTheCanary(t *testing.T) {
	b := newBench(t, time.Minute).accepted()
	first := b.nonce
	b.message(hookAt(1)).canaryBack(first).want("deliver 1")
	b.step(Handled{Head: Head{Seq: 1}}).want("ack 1 head 1", "returned 0s", "offset 0s±1ms", "take")
	b.step(HeadTaken{Conn: b.conn, Head: Head{Seq: 2}, OK: true}).want("tell head 2")
	b.step(HeadTaken{Conn: b.conn, Head: Head{Seq: 3}, OK: true}).want() // nobody asked
	b.canaryBack(first).canaryBack("forged-0123456789").want()

	// Two come back while a head is taken: it is taken once more. A journal in doubt tells none.
	back := func() { b.step(CanaryAsked{}).canaryBack(b.nonce); b.lines = nil }
	b.step(CanaryAsked{}).canaryBack(b.nonce).want("canary", "returned 0s", "offset 0s±1ms", "take")
	back()
	back()
	b.step(HeadTaken{Conn: b.conn}).want("take")
	b.step(HeadTaken{Conn: b.conn, Head: Head{Seq: 5}, OK: true}).want("tell head 5")

	// The answer for a connection that is gone is told on no other.
	b.step(CanaryAsked{}).canaryBack(b.nonce)
	old := b.conn
	b.step(Lost{old, errors.New("x")}).after(time.Minute).step(Ticked{})
	b.lines = nil
	b.judged().step(JournalRead{Conn: b.conn}).step(Dialed{Conn: b.conn})
	b.message(Welcome{Epoch: "e", Now: Time{b.now.Wall}, Accepts: []string{AcceptHead}})
	b.lines = nil
	b.step(HeadTaken{Conn: old, Head: Head{Seq: 6}, OK: true}).want()

	// A relay of the first v1 hears none.
	b = newBench(t, time.Minute).connected()
	b.canaryBack(b.nonce).want("returned 0s", "offset 0s±1ms")
}

// TestAHeadIsWanted: a canary goes out for it, but not more than one in a second.
func TestAHeadIsWanted(t *testing.T) {
	b := newBench(t, time.Minute).accepted()
	b.step(HeadWanted{}).want() // one was sent just now
	b.after(headEvery - 1).step(Ticked{}).want()
	b.after(1).step(Ticked{}).want("canary")
	b.after(time.Second / 2).step(HeadWanted{}).step(HeadWanted{}).want()
	b.after(time.Second / 2).step(Ticked{}).want("canary")
	b.after(time.Second).step(Ticked{}).want() // nobody asked again
	b.step(HeadWanted{}).want("canary")
}

// TestHelloNamesHead: where canaries go out, for no head is told without one.
func TestHelloNamesHead(t *testing.T) {
	for every, want := range map[time.Duration]int{0: 0, time.Minute: 1} {
		b := newBench(t, every).step(Started{}).judged()
		for _, e := range b.m.Step(b.now, JournalRead{Conn: b.conn}) {
			if d, ok := e.(Dial); !ok || len(d.Hello.Accepts) != want {
				t.Errorf("canaries every %s: %+v", every, e)
			}
		}
	}
}

// TestMachineIsDeterministic: the same random inputs give the same effects twice, and never a
// panic.
func TestMachineIsDeterministic(t *testing.T) {
	for seed := range uint64(300) {
		one, two := randomRun(t, seed), randomRun(t, seed)
		if diff := cmp.Diff(one, two); diff != "" {
			t.Fatalf("seed %d (-one +two):\n%s", seed, diff)
		}
	}
}

func randomRun(t *testing.T, seed uint64) []string {
	r := rand.New(rand.NewPCG(seed, 1))
	b := newBench(t, 5*time.Second)
	b.step(Started{})
	for range 200 {
		b.after(time.Duration(r.IntN(3000)) * time.Millisecond)
		var err error
		if r.IntN(4) == 0 {
			err = errors.New("x")
		}
		b.step([]Event{
			Ticked{}, HeadRead{Conn: b.conn, Err: err}, HeadJudged{Conn: b.conn, Err: err},
			HeadTaken{Conn: b.conn, OK: err == nil}, JournalRead{Conn: b.conn, Err: err},
			Dialed{Conn: b.conn, Err: err},
			Handled{Err: err}, CanaryAsked{},
			Received{b.conn, Welcome{Now: Time{sampleTime}, Accepts: []string{AcceptHead}}},
			Received{b.conn, hookAt(uint64(r.IntN(9) + 1))},
			Received{b.conn, Gap{Reason: "r"}}, Received{b.conn, CaughtUpMessage{}},
			CanaryPosted{b.nonce, err},
			Received{b.conn, Delivery{Kind: KindCanary, Nonce: b.nonce, ReceivedAt: sampleTime}},
			Lost{b.conn, errors.New("x")}, SupersedeAsked{},
		}[r.IntN(16)])
	}
	return b.lines
}
