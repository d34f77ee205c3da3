//! The Node-API addon
