package ui

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	connected   prometheus.Gauge
	dropped     *prometheus.CounterVec
	drawSeconds prometheus.Histogram
}

// newMetrics registers with reg; a nil reg registers nowhere.
func newMetrics(reg prometheus.Registerer) (metrics, error) {
	m := metrics{
		connected: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kiosk_display_connected",
			Help: "1 while a customer display is connected and answers.",
		}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_display_dropped_total",
			Help: "Displays that were disconnected by the agent, by reason: moved, silent, slow.",
		}, []string{"reason"}),
		drawSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kiosk_display_qr_draw_seconds", Help: "Time to draw a QR code.",
			Buckets: []float64{.002, .005, .01, .02, .05, .1, .5},
		}),
	}
	for _, reason := range []string{"moved", "silent", "slow"} {
		m.dropped.WithLabelValues(reason)
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.connected, m.dropped, m.drawSeconds} {
		if err := reg.Register(c); err != nil {
			return metrics{}, fmt.Errorf("ui: metrics: %w", err)
		}
	}
	return m, nil
}
