package serial

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are shared by all Links of a program.
type Metrics struct {
	open     *prometheus.GaugeVec
	failures *prometheus.CounterVec
	refused  *prometheus.CounterVec
}

// NewMetrics registers the metrics of lines; reg may be nil.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kiosk_line_open",
			Help: "1 while a till's line is open (on TCP: connected), by till."}, []string{"till"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_line_failures_total",
			Help: "Failures to open or keep a till's line, by till and kind."},
			[]string{"till", "kind"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_line_refused_total",
			Help: "TCP connections that were no till's and were closed, by till and reason."},
			[]string{"till", "reason"}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.open, m.failures, m.refused} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("line metrics: %w", err)
		}
	}
	return m, nil
}
