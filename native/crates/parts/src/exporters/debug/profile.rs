//! Profiles, whose format is in development: a heading, then all fields by their own names, then the dictionary that
//! their indices point into.

use super::detailed::others;
use super::lines::Lines;
use super::node::Node;
use super::text::{Hex, Time};

/// One profile.
pub(super) fn show(index: usize, profile: &Node<'_>, out: &mut Lines) {
    out.line(format_args!("Profile #{index}"));
    out.entry("    Profile ID     ", Hex(profile.bytes("profile_id")));
    out.entry("    Start time     ", Time(profile.number("time_unix_nano")));
    out.line(format_args!("    Duration       : {}ns", profile.number("duration_nano")));
    others(profile, &["profile_id", "time_unix_nano", "duration_nano"], "    ", out);
}

/// The dictionary of a request.
pub(super) fn dictionary(request: &Node<'_>, out: &mut Lines) {
    if let Some(dictionary) = request.child("dictionary") {
        out.line(format_args!("Dictionary:"));
        others(&dictionary, &[], "    ", out);
    }
}
