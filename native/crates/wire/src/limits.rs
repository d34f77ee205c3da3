//! How much one request may hold, beyond its size in bytes.

/// Limits of one request; the defaults are those of the `collector` security profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most spans, data points, log records or samples in one request.
    pub max_items: u64,
    /// Most AnyValue levels in one attribute value or log body: a plain value is one level. Values above
    /// [`Limits::MAX_DEPTH_CEILING`] count as the ceiling.
    pub max_depth: u32,
    /// Most attributes in one attribute list (of a record, resource, scope, event or link); 0 is no limit.
    /// The members of a key-value list that is itself a value are not counted.
    pub max_attributes: u32,
}

impl Limits {
    /// The most levels any configuration may allow. Readers recurse once per level, and threads with stacks of
    /// 512 KiB must survive it in unoptimised builds.
    pub const MAX_DEPTH_CEILING: u32 = 128;

    /// `max_depth` under the ceiling: what every reader enforces.
    pub fn depth(&self) -> u32 {
        self.max_depth.min(Self::MAX_DEPTH_CEILING)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_items: 1_000_000, max_depth: 128, max_attributes: 0 }
    }
}
