//! The components, one file each, and the registry that lists them. Components never see each other.

#![forbid(unsafe_code)]

pub mod component;
pub mod connectors;
pub mod exporters;
pub mod listeners;
pub mod processors;
pub mod receivers;
pub mod registry;
pub mod settings;
