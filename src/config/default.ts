/**
 * The configuration of a collector that was given none: OTLP in on both ports, a readable summary out, metrics and
 * health on. Everything listens on this machine only.
 */

/** YAML text; loads with `sources: [DEFAULT_CONFIG_LOCATION]`. */
export const DEFAULT_CONFIG = `receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:4317
      http:
        endpoint: 127.0.0.1:4318

exporters:
  debug:
    verbosity: basic
    use_internal_logger: false
    output_paths: [stdout]

extensions:
  health_check:
    endpoint: 127.0.0.1:13133

service:
  extensions: [health_check]
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [debug]
    metrics:
      receivers: [otlp]
      exporters: [debug]
    logs:
      receivers: [otlp]
      exporters: [debug]
  telemetry:
    logs:
      level: info
      disable_zap_resource: true
    metrics:
      level: normal
      readers:
        - pull:
            exporter:
              prometheus:
                host: 127.0.0.1
                port: 8888
`;

/** The same as a `--config` location. */
export const DEFAULT_CONFIG_LOCATION = `yaml:${DEFAULT_CONFIG}`;
