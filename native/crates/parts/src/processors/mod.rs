//! Processors.

pub mod attributes;
pub mod batch;
pub mod filter;
pub mod memory_limiter;
mod rewrite;
pub mod select;
mod traffic;
pub mod ts;

use std::rc::Rc;

use teleferric_flow::{Consumer, Parcel, Processor, Stage};

/// A synchronous processor in front of what it hands on to. It holds nothing, so there is nothing to drain.
pub(crate) struct Inline<P> {
    processor: P,
    next: Rc<dyn Consumer>,
}

impl<P: Processor + 'static> Inline<P> {
    pub(crate) fn stage(processor: P, next: Rc<dyn Consumer>) -> Rc<dyn Stage> {
        Rc::new(Inline { processor, next })
    }
}

impl<P: Processor> Consumer for Inline<P> {
    fn consume(&self, parcel: Parcel) {
        self.processor.process(parcel, &*self.next);
    }
}

impl<P: Processor> Stage for Inline<P> {}
