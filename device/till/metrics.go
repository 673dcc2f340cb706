package till

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	connected prometheus.Gauge
	events    *prometheus.CounterVec
}

// newMetrics registers the line's metrics with the till's name as a constant label: one registry
// serves many lines.
func newMetrics(till string, reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		connected: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kiosk_ecr_connected", Help: "1 while the till's line has a connection."}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_ecr_events_total", Help: "What happened on the till's line, by event."},
			[]string{"event"}),
	}
	for _, e := range Counters() {
		m.events.WithLabelValues(string(e))
	}
	if reg == nil {
		return m, nil
	}
	reg = prometheus.WrapRegistererWith(prometheus.Labels{"till": till}, reg)
	for _, c := range []prometheus.Collector{m.connected, m.events} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("till %s: metrics: %w", till, err)
		}
	}
	return m, nil
}
