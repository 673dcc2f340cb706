package relay

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	connected  prometheus.Gauge
	lost       prometheus.Counter
	deliveries *prometheus.CounterVec
	gaps       *prometheus.CounterVec
	canaries   *prometheus.CounterVec
	rtt        prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		connected: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kiosk_relay_client_connected",
			Help: "1 while the relay has said welcome on the present connection."}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kiosk_relay_client_disconnects_total",
			Help: "Connections lost and attempts that failed."}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_relay_client_deliveries_total",
			Help: "Deliveries handed to the journal, by kind and result (committed, refused)."},
			[]string{"kind", "result"}),
		gaps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_relay_client_gaps_total", Help: "Gaps reported by the relay, by reason."},
			[]string{"reason"}),
		canaries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_relay_client_canaries_total",
			Help: "Canaries, by result (returned, failed)."}, []string{"result"}),
		rtt: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "kiosk_relay_client_canary_seconds",
			Help:    "Time of a canary from sending to its return.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.connected, m.lost, m.deliveries, m.gaps, m.canaries,
		m.rtt} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) delivery(kind string, err error) {
	result := "committed"
	if err != nil {
		result = "refused"
	}
	m.deliveries.WithLabelValues(kind, result).Inc()
}

func (m *metrics) observe(e Observation) {
	switch e := e.(type) {
	case Connected:
		m.connected.Set(1)
	case Disconnected:
		m.connected.Set(0)
		m.lost.Inc()
	case GapSeen:
		m.gaps.WithLabelValues(knownReason(e.Reason)).Inc()
	case CanaryReturned:
		m.canaries.WithLabelValues("returned").Inc()
		m.rtt.Observe(e.RTT.Seconds())
	case CanaryFailed:
		m.canaries.WithLabelValues("failed").Inc()
	case CaughtUp, HeadKnown, ClockOffset: // not counted
	default:
		panic(fmt.Sprintf("relay metrics: no case for the observation %T", e))
	}
}

// knownReason keeps the number of time series bounded whatever the relay says.
func knownReason(reason string) string {
	switch reason {
	case GapEpochChanged, GapIDMismatch, GapOutOfRange, GapNoPosition:
		return reason
	default:
		return "other"
	}
}
