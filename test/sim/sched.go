package sim

import (
	"container/heap"
	"time"
)

// place is where something happens: what a crash, a reboot or suspend takes away.
type place int

const (
	outside place = iota // gateway, relay, tills, people: nothing of the kiosk stops them
	process              // the agent's process
	machine              // the kiosk's computer: the display's browser
)

// item is something that will happen.
type item struct {
	at    time.Duration
	seq   uint64
	where place
	gen   int // of the process or of the boot that it belongs to
	do    func()
}

// items is a heap by time, then by order of making.
type items []item

func (h items) Len() int { return len(h) }
func (h items) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h items) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *items) Push(x any)   { *h = append(*h, x.(item)) }
func (h *items) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

func (w *World) put(i item) {
	w.seq++
	i.seq = w.seq
	heap.Push(&w.todo, i)
}

// after lets something happen outside the kiosk.
func (w *World) after(d time.Duration, do func()) {
	w.put(item{at: w.t + max(0, d), do: do})
}

// inside lets something happen in the agent's present process, unless that ends before.
func (w *World) inside(d time.Duration, do func()) {
	w.put(item{at: w.t + max(0, d), where: process, gen: w.proc, do: do})
}

// onMachine lets something happen on the kiosk, unless it loses its power before.
func (w *World) onMachine(d time.Duration, do func()) {
	w.put(item{at: w.t + max(0, d), where: machine, gen: w.boots, do: do})
}

// maxSteps bounds a run: one that needs more never rests.
const maxSteps = 400_000

// runUntil works through what happens until then.
func (w *World) runUntil(end time.Duration) {
	for len(w.todo) > 0 && w.todo[0].at <= end {
		i := heap.Pop(&w.todo).(item)
		if i.where == process && (i.gen != w.proc || w.agent == nil) || i.where == machine &&
			i.gen != w.boots {
			continue
		}
		if i.where != outside && i.at < w.asleepUntil {
			i.at = w.asleepUntil // nothing runs in suspend; the clocks do
			w.put(i)
			continue
		}
		w.t = max(w.t, i.at)
		if w.steps++; w.steps > maxSteps {
			w.fail("the run never rests: %d steps", w.steps)
		}
		i.do()
	}
	w.t = max(w.t, end)
}
