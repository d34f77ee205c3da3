//! Listeners, clients, TLS and gRPC framing; knows no OTLP
