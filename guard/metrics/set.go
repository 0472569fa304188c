package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Set is the metrics of one process. The zero value of a pointer to it counts nothing, for tests and for commands that only look.
type Set struct {
	registry   *prometheus.Registry
	counters   map[Name]*prometheus.CounterVec
	gauges     map[Name]*prometheus.GaugeVec
	histograms map[Name]*prometheus.HistogramVec
}

// buckets are the bounds of histograms, in seconds: warm decisions take microseconds, cold ones a few round trips.
var buckets = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// New registers the whole table, and what the process itself uses.
func New() *Set {
	s := &Set{registry: prometheus.NewRegistry(), counters: map[Name]*prometheus.CounterVec{}, gauges: map[Name]*prometheus.GaugeVec{},
		histograms: map[Name]*prometheus.HistogramVec{}}
	for _, m := range Table {
		var c prometheus.Collector
		switch m.Kind {
		case Counter:
			s.counters[m.Name] = prometheus.NewCounterVec(prometheus.CounterOpts{Name: string(m.Name), Help: m.Help}, m.Labels)
			c = s.counters[m.Name]
		case Gauge:
			s.gauges[m.Name] = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: string(m.Name), Help: m.Help}, m.Labels)
			c = s.gauges[m.Name]
		case Histogram:
			s.histograms[m.Name] = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: string(m.Name), Help: m.Help, Buckets: buckets}, m.Labels)
			c = s.histograms[m.Name]
		}
		s.registry.MustRegister(c)
		if len(m.Labels) == 0 { // a counter that was never raised reads 0, so that an alert on it can be trusted
			switch m.Kind {
			case Counter:
				s.counters[m.Name].WithLabelValues()
			case Gauge:
				s.gauges[m.Name].WithLabelValues()
			case Histogram:
				s.histograms[m.Name].WithLabelValues()
			}
		}
	}
	s.registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())
	return s
}

// Add raises a counter. The labels are in the table's order.
func (s *Set) Add(n Name, by float64, labels ...string) {
	if s != nil {
		s.counters[n].WithLabelValues(labels...).Add(by)
	}
}

// Put sets a gauge.
func (s *Set) Put(n Name, to float64, labels ...string) {
	if s != nil {
		s.gauges[n].WithLabelValues(labels...).Set(to)
	}
}

// Only sets a gauge and forgets its other label values.
func (s *Set) Only(n Name, to float64, labels ...string) {
	if s != nil {
		s.gauges[n].Reset()
		s.gauges[n].WithLabelValues(labels...).Set(to)
	}
}

// Observe adds seconds to a histogram.
func (s *Set) Observe(n Name, seconds float64, labels ...string) {
	if s != nil {
		s.histograms[n].WithLabelValues(labels...).Observe(seconds)
	}
}

// Handler serves them in Prometheus' text format.
func (s *Set) Handler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 0})
}
