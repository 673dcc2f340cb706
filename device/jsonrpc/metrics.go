package jsonrpc

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	connections *prometheus.GaugeVec
	ends        *prometheus.CounterVec
	refused     *prometheus.CounterVec
	requests    *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		connections: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kiosk_till_connections", Help: "Open JSON-RPC connections, by till."},
			[]string{"till"}),
		ends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_till_disconnects_total", Help: "Ended JSON-RPC connections, by reason."},
			[]string{"reason"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_till_refused_total",
			Help: "HTTP requests to the till API that got no connection, by reason."},
			[]string{"reason"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_till_requests_total",
			Help: "JSON-RPC requests, by method and result (ok or the error's kind)."},
			[]string{"method", "result"}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.connections, m.ends, m.refused, m.requests} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("till API metrics: %w", err)
		}
	}
	return m, nil
}
