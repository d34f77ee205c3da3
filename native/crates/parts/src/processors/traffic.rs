//! Items in and out of processors (compatibility contract, section 4).

use teleferric_buf::metrics::{Desc, Kind};

/// Items handed to a processor.
pub static INCOMING: Desc = Desc {
    name: "otelcol_processor_incoming_items",
    help: "Number of items passed to the processor.",
    kind: Kind::Counter,
    lazy: true,
};

/// Items that a processor handed on.
pub static OUTGOING: Desc = Desc {
    name: "otelcol_processor_outgoing_items",
    help: "Number of items emitted from the processor.",
    kind: Kind::Counter,
    lazy: true,
};
