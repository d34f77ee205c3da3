//! OTLP builders, recording sink, scripted peer and the component verifier, for tests
