//! What a peer's SETTINGS say.

use super::{FRAME_BYTES_DEFAULT, Fault, WINDOW_DEFAULT, setting};

/// The settings of a peer that matter to a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerSettings {
    pub header_table_bytes: u32,
    pub streams_max: u32,
    pub initial_window: i64,
    pub frame_bytes_max: usize,
}

impl Default for PeerSettings {
    fn default() -> Self {
        Self {
            header_table_bytes: 4096,
            streams_max: u32::MAX,
            initial_window: WINDOW_DEFAULT,
            frame_bytes_max: FRAME_BYTES_DEFAULT,
        }
    }
}

impl PeerSettings {
    /// Takes over what the payload of a SETTINGS frame says.
    pub fn apply(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let (settings, rest) = payload.as_chunks::<6>();
        if !rest.is_empty() {
            return Err(Fault("settings are cut off"));
        }
        for &[i0, i1, v0, v1, v2, v3] in settings {
            let value = u32::from_be_bytes([v0, v1, v2, v3]);
            match u16::from_be_bytes([i0, i1]) {
                setting::HEADER_TABLE_SIZE => self.header_table_bytes = value,
                setting::MAX_CONCURRENT_STREAMS => self.streams_max = value,
                setting::INITIAL_WINDOW_SIZE if value > 0x7fff_ffff => return Err(Fault("window is too large")),
                setting::INITIAL_WINDOW_SIZE => self.initial_window = i64::from(value),
                setting::MAX_FRAME_SIZE if !(16_384..=16_777_215).contains(&value) => {
                    return Err(Fault("frame size is out of range"));
                }
                setting::MAX_FRAME_SIZE => self.frame_bytes_max = value as usize,
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the peer keeps a dynamic table of the usual size or more.
    pub fn keeps_table(&self) -> bool {
        self.header_table_bytes >= Self::default().header_table_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_settings_and_skips_unknown_ones() {
        let mut peer = PeerSettings::default();
        peer.apply(&[0, 3, 0, 0, 0, 100, 0, 99, 1, 1, 1, 1, 0, 5, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0]).expect("valid");
        assert_eq!((peer.streams_max, peer.frame_bytes_max, peer.keeps_table()), (100, 1 << 20, false));
    }

    #[test]
    fn refuses_cut_settings_and_values_out_of_range() {
        let mut peer = PeerSettings::default();
        assert!(peer.apply(&[0, 3, 0, 0, 0]).is_err());
        assert!(peer.apply(&[0, 4, 0x80, 0, 0, 0]).is_err());
        assert!(peer.apply(&[0, 5, 0, 0, 0, 1]).is_err());
    }
}
