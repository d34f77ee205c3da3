//! Lines of text, none of which a sender can break: what comes from data goes in escaped.

use std::fmt::{self, Display, Write};

/// Text under construction.
#[derive(Default)]
pub(super) struct Lines(String);

impl Lines {
    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The text so far, leaving none.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.0)
    }

    /// Adds one line.
    pub(super) fn line(&mut self, line: fmt::Arguments<'_>) {
        self.part(line);
        self.0.push('\n');
    }

    /// Adds to the line that is open.
    pub(super) fn part(&mut self, part: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.0.write_fmt(part);
    }

    /// Adds one line: a label and a value.
    pub(super) fn entry(&mut self, label: &str, value: impl Display) {
        self.line(format_args!("{label}: {value}"));
    }

    /// Adds one line if the number is not 0.
    pub(super) fn count(&mut self, label: &str, number: u64) {
        if number != 0 {
            self.entry(label, number);
        }
    }
}
