// Package tracing sends one OpenTelemetry span for each decision to a collector, by OTLP over HTTP. Where no endpoint is configured nothing
// of it runs.
package tracing

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// The bounds of what waits for a collector that is slow or gone; what is beyond is dropped, and holds nobody up.
const (
	queue    = 2048
	batch    = 256
	patience = 5 * time.Second
)

// Start gives a tracer whose spans go to endpoint ("http://127.0.0.1:4318"). end sends what is left, within ctx.
func Start(ctx context.Context, endpoint, version string) (tracer trace.Tracer, end func(context.Context) error, err error) {
	out, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint+"/v1/traces"), otlptracehttp.WithTimeout(patience),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}))
	if err != nil {
		return nil, nil, fmt.Errorf("preparing traces: %w", err)
	}
	p := sdk.NewTracerProvider(
		sdk.WithBatcher(out, sdk.WithMaxQueueSize(queue), sdk.WithMaxExportBatchSize(batch), sdk.WithExportTimeout(patience)),
		sdk.WithSampler(sdk.ParentBased(sdk.AlwaysSample())),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "selfsame-guard"), attribute.String("service.version", version))))
	return p.Tracer("github.com/selfsame-build/selfsame/guard"), p.Shutdown, nil
}
