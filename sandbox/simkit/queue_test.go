package simkit

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// rounds is a queue whose jobs are names; those in upper case are sent.
func rounds() (q *Queue[string], lock *sync.Mutex, done *[]string) {
	lock, done = new(sync.Mutex), new([]string)
	sends := func(name string) bool { return name < "a" }
	q = NewQueue(lock, SystemClock{}, sends, func(_ context.Context, j Job[string]) {
		lock.Lock()
		defer lock.Unlock()
		*done = append(*done, j.What)
		if sends(j.What) {
			q.Sent(j)
		}
	})
	return q, lock, done
}

func TestQueueByTimeThenByOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, lock, done := rounds()
		start := time.Now()
		lock.Lock()
		for _, name := range []string{"late", "SENT", "soon", "soon too"} {
			q.Add(start.Add(map[string]time.Duration{"late": time.Hour}[name]), name)
		}
		lock.Unlock()
		if n := q.Deliver(t.Context()); n != 3 ||
			!slices.Equal(*done, []string{"SENT", "soon", "soon too"}) {
			t.Errorf("%d done: %q", n, *done)
		}
		if at, ok := q.NextDue(); !ok || !at.Equal(start.Add(time.Hour)) {
			t.Error(at, ok)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { q.Run(ctx); close(ended) }()
		time.Sleep(time.Minute)
		lock.Lock()
		q.Add(time.Now(), "new") // wakes Run, which waits for the hour
		lock.Unlock()
		synctest.Wait()
		last := func() string {
			lock.Lock()
			defer lock.Unlock()
			return (*done)[len(*done)-1]
		}
		if got := last(); got != "new" {
			t.Error(got)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		got := last()
		if _, ok := q.NextDue(); ok || got != "late" {
			t.Error(got, ok)
		}
		stop()
		<-ended
	})
}

func TestQuietWaitsForWhatIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, lock, _ := rounds()
		lock.Lock()
		q.Add(time.Now(), "nobody waits for this")
		lock.Unlock()
		if err := q.Quiet(t.Context()); err != nil {
			t.Error(err)
		}
		lock.Lock()
		q.Add(time.Now(), "SENT")
		lock.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.Quiet(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a webhook in the queue: %v", err)
		}
		quiet := make(chan error, 1)
		go func() { quiet <- q.Quiet(t.Context()) }()
		synctest.Wait()
		q.Deliver(t.Context())
		if err := <-quiet; err != nil {
			t.Error(err)
		}
	})
}
