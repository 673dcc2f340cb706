package relayd

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	hooks         *prometheus.CounterVec
	hookSeconds   prometheus.Histogram
	deliveries    *prometheus.CounterVec
	gaps          *prometheus.CounterVec
	strangers     *prometheus.CounterVec
	storeBytes    prometheus.Gauge
	storeMessages prometheus.Gauge
	storeUp       prometheus.Gauge
	diskFree      prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, h *hub) (*metrics, error) {
	m := &metrics{
		hooks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_relay_hooks_total",
			Help: "Hook requests, canaries included, by HTTP status."}, []string{"status"}),
		hookSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "kiosk_relay_hook_seconds",
			Help:    "Time to answer a hook request, storing it included.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_relay_deliveries_total",
			Help: "Messages sent to terminals, repetitions included, by kind."}, []string{"kind"}),
		gaps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_relay_gaps_total",
			Help: "Positions that could not be resumed, by reason."}, []string{"reason"}),
		strangers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_relay_connections_refused_total",
			Help: "Connections sent away before their request was looked at, by reason."},
			[]string{"reason"}),
		storeBytes: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kiosk_relay_store_bytes",
			Help: "Size of the stored hooks; compare with store.max_bytes."}),
		storeMessages: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kiosk_relay_store_messages", Help: "Stored hooks, canaries and marks."}),
	}
	m.storeUp = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "kiosk_relay_store_up", Help: "1 while the store takes writes, or is merely full."})
	m.diskFree = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "kiosk_relay_disk_free_bytes", Help: "Free space of the embedded store's disk."})
	connections := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kiosk_relay_connections", Help: "Terminals connected to this relay."},
		func() float64 { return float64(h.count()) })
	for _, c := range []prometheus.Collector{m.hooks, m.hookSeconds, m.deliveries, m.gaps,
		m.strangers,
		m.storeBytes, m.storeMessages, m.storeUp, m.diskFree, connections} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
