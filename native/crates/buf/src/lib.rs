//! Pooled blocks, the byte ledger and counter slots
