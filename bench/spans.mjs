// Spans as the OpenTelemetry SDK hands them to exporters.
import { resourceFromAttributes } from '@opentelemetry/resources';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

/** Ended spans of a request handler: nine attributes, and an event for one of four. */
export function makeSpans(count) {
  const memory = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'checkout', 'service.instance.id': 'a', 'host.name': 'h' }),
    spanProcessors: [new SimpleSpanProcessor(memory)],
  });
  const tracer = provider.getTracer('bench', '1.0.0');
  for (let index = 0; index < count; index += 1) {
    const span = tracer.startSpan('GET /api/orders/:id', { kind: 1 });
    span.setAttributes({
      'http.request.method': 'GET',
      'http.route': '/api/orders/:id',
      'http.response.status_code': 200,
      'url.path': `/api/orders/${index}`,
      'url.scheme': 'https',
      'server.address': 'shop.example.com',
      'user_agent.original': 'Mozilla/5.0 (X11; Linux x86_64)',
      'app.cached': index % 2 === 0,
      'app.ratio': index / count,
    });
    if (index % 4 === 0) span.addEvent('cache.miss', { key: `order-${index}` });
    span.end();
  }
  return memory.getFinishedSpans();
}
