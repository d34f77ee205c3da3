//! Edited requests in memory of their own.

use bytes::Bytes;
use teleferric_buf::Pool;
use teleferric_flow::Fault;
use teleferric_wire::edit::Edited;

use crate::component::pressure;

/// The edited request as bytes from the pool.
///
/// # Errors
/// When the allocator has no memory.
pub(super) fn write(edited: &Edited<'_>, pool: &Pool) -> Result<Bytes, Fault> {
    let mut block = pool.try_block(edited.len()).map_err(|error| pressure(&error))?;
    edited.write_to(&mut block);
    Ok(block.freeze())
}
