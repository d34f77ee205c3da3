//! From one configuration document to a running graph
