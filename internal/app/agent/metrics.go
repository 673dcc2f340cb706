package agent

import (
	"context"
	"math"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("kiosk_"+name, help, labels, nil)
}

var (
	descInfo = describe("agent_info", "Always 1; the running version is its label.", "version")
	descUp   = describe("engine_up", "1 while the engine answers; the gauges of payments "+
		"and readiness are absent when it does not.")
	descReady    = describe("ready", "1 while a sale can start.")
	descNotReady = describe("not_ready", "1 for each reason why no sale can start.", "reason")
	descActive   = describe("payments_open", "Payments that have no final outcome yet.")
	descOwed     = describe("outcomes_owed", "Final outcomes that the till has not acknowledged.")
	descWatched  = describe("payments_watched",
		"Final payments whose late money is still asked for.")
	descLeft = describe("payments_left", "Final payments whose late money is not asked for as it "+
		"should be, because there are too many or the gateway is slow.", "approved")
	descWork = describe("worklist_entries",
		"Entries that staff must look at: kiosk-agent worklist.")
	descCanary = describe("canary_age_seconds",
		"Time since the newest test message that came back was sent; +Inf before the first.")
	descFree  = describe("journal_free_bytes", "Free space of the journal's disk.")
	descLeast = describe("journal_min_free_bytes",
		"Free space below which sales are refused: journal.min_free.")
	descWritable = describe("journal_writable", "1 while the journal takes entries.")
	descHead     = describe("journal_facts", "Facts in the journal.")
	descPort     = describe("listening", "1 while the agent has an address of its own; 0: another "+
		"program has it.", "listener")
	descOffset = describe("clock_offset_seconds",
		"The relay's clock minus this machine's; absent until it is known.")
	descCodeClock = describe("gateway_clock_offset_seconds", "The clock that the gateway's codes "+
		"end by minus this machine's; absent where it has told none.")
)

// state is the agent as metrics, read anew for every scrape.
type state struct{ a *Agent }

// Describe is prometheus.Collector's.
func (s state) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descInfo, descUp, descReady, descNotReady, descActive, descOwed, descWatched, descLeft,
		descWork,
		descCanary, descFree, descLeast, descWritable,
		descHead, descOffset, descCodeClock, descPort,
	} {
		out <- d
	}
}

// Collect is prometheus.Collector's.
func (s state) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(descInfo, 1, s.a.opts.Version)
	gauge(descLeast, float64(s.a.cfg.Journal.MinFree))
	for _, p := range []*port{s.a.tillPort, s.a.displayPort, s.a.metricsPort} {
		if p != nil {
			gauge(descPort, truth(p.missing() == nil), p.key)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), askWithin)
	defer cancel()
	snap, err := s.a.core.Inspect(ctx)
	s.journal(gauge, len(snap.Gone))
	gauge(descUp, truth(err == nil))
	if err != nil {
		return
	}
	gauge(descReady, truth(snap.Ready))
	present := make(map[string]bool)
	for _, row := range payment.NotReadyReasons() { // so that an alert sees the 0 before the 1
		present[string(row.Code)] = false
	}
	for _, r := range snap.Reasons {
		present[r.Code] = true
	}
	for code, is := range present {
		gauge(descNotReady, truth(is), code)
	}
	gauge(descWatched, float64(snap.Watch.Asked))
	gauge(descLeft, float64(snap.Watch.Left), "no")
	gauge(descLeft, float64(snap.Watch.LeftApproved), "yes")
	age := math.Inf(1)
	if snap.CanaryAge >= 0 {
		age = snap.CanaryAge.Seconds()
	}
	gauge(descCanary, age)
	if snap.Clock.Known {
		gauge(descOffset, snap.Clock.Offset.Seconds())
	}
	if snap.Clock.GatewayKnown {
		gauge(descCodeClock, snap.Clock.GatewayOffset.Seconds())
	}
}

// journal leaves out what cannot be read: an absent number is better than a wrong one. gone is how
// many entries of the worklist are about accounts and not in the journal.
func (s state) journal(gauge func(*prometheus.Desc, float64, ...string), gone int) {
	j := s.a.journal
	if j == nil {
		gauge(descWritable, 0)
		return
	}
	gauge(descWritable, truth(j.Writable() == nil))
	if free, err := j.FreeBytes(); err == nil {
		gauge(descFree, float64(free))
	}
	if head, err := j.Head(); err == nil {
		gauge(descHead, float64(head.Seq))
	}
	if entries := s.a.worklist(gone); entries >= 0 {
		gauge(descWork, float64(entries))
	}
	if open, owed, err := j.Outstanding(); err == nil {
		gauge(descActive, float64(open))
		gauge(descOwed, float64(owed))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// outcomes counts payments as they end.
type outcomes struct {
	total *prometheus.CounterVec
	mu    sync.Mutex
	open  map[string]bool
}

// changed counts a payment once, when it is final for the first time; a correction is none.
func (o *outcomes) changed(p payment.Payment) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !p.Final {
		o.open[p.ID] = true
	} else if o.open[p.ID] {
		delete(o.open, p.ID)
		o.total.WithLabelValues(string(p.Status)).Inc()
	}
}

// watchMetrics adds what is counted and measured about the agent as a whole.
func (a *Agent) watchMetrics() error {
	o := &outcomes{open: make(map[string]bool),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_payments_ended_total",
			Help: "Payments that got their first final outcome, by status.",
		}, []string{"status"})}
	for _, s := range []payment.Status{payment.StatusApproved, payment.StatusDeclined,
		payment.StatusExpired, payment.StatusCancelled, payment.StatusUnknown} {
		o.total.WithLabelValues(string(s))
	}
	a.core.Watch(o.changed, func() {})
	if err := a.registry.Register(o.total); err != nil {
		return err
	}
	return a.registry.Register(state{a})
}

// counted is a network whose answers are counted.
type counted struct {
	engine.Network
	asked          *asked
	queries, mints *prometheus.CounterVec
}

func (a *Agent) counted(n engine.Network) engine.Network {
	c := counted{
		n, &a.asked, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_gateway_queries_total",
			Help: "Transaction queries, by result: records, empty, not_found, failed.",
		}, []string{"result"}), prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_gateway_mints_total",
			Help: "Requests for a code, by result: made, failed, never_sent. A checkout link " +
				"needs none.",
		}, []string{"result"}),
	}
	for _, result := range []string{"records", "empty", "not_found", "failed"} {
		c.queries.WithLabelValues(result)
	}
	for _, result := range []string{"made", "failed", "never_sent"} {
		c.mints.WithLabelValues(result)
	}
	a.registry.MustRegister(c.queries, c.mints)
	return c
}

func (c counted) Query(at payment.Account, merchantRef string,
	reply func(payment.QueryAnswer)) {
	c.Network.Query(at, merchantRef, func(answer payment.QueryAnswer) {
		result := "empty"
		switch {
		case answer.NotFound:
			result = "not_found"
		case answer.Failure != "":
			result = "failed"
		case len(answer.Records) > 0:
			result = "records"
		}
		c.queries.WithLabelValues(result).Inc()
		c.asked.note(answer)
		reply(answer)
	})
}

func (c counted) Mint(r payment.MintRequest, reply func(payment.MintAnswer)) {
	c.Network.Mint(r, func(answer payment.MintAnswer) {
		result := "made"
		switch {
		case answer.NeverSent:
			result = "never_sent"
		case answer.Failure != "":
			result = "failed"
		}
		c.mints.WithLabelValues(result).Inc()
		reply(answer)
	})
}
