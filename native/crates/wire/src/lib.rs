//! OTLP on the wire: check, count, split, edit and transcode borrowed bytes
