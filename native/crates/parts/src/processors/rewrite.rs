//! Edited requests in memory of their own.

use std::fmt;

use bytes::Bytes;
use teleferric_buf::Pool;
use teleferric_flow::{Fault, FaultCode};
use teleferric_wire::edit::Edited;

/// The edited request as bytes from the pool.
///
/// # Errors
/// When the allocator has no memory.
pub(super) fn write(edited: &Edited<'_>, pool: &Pool) -> Result<Bytes, Fault> {
    let mut block = pool.try_block(edited.len()).map_err(|error| pressure(&error))?;
    edited.write_to(&mut block);
    Ok(block.freeze())
}

/// The refusal of a request whose edited form finds no room.
pub(super) fn pressure(error: &dyn fmt::Display) -> Fault {
    Fault::new(FaultCode::MemoryPressure, error.to_string())
}
