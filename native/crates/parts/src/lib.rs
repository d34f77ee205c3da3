//! The components and their registry
