//! Logs whose records are encrypted.

use super::*;
use crate::record::FRONT_BYTES;
use crate::seal::{KEY_BYTES, Key};

fn sealed(secret: u8) -> LogSettings {
    LogSettings { key: Some(Key::new(&[secret; KEY_BYTES])), ..SETTINGS }
}

fn contents(sim: &Sim) -> Vec<(String, Vec<u8>)> {
    sim.list().unwrap().into_iter().map(|name| (name.clone(), sim.file(&name).unwrap())).collect()
}

fn error(sim: &Sim, settings: LogSettings) -> LogError {
    Log::open(sim.clone(), settings, UUID).map(drop).unwrap_err()
}

#[test]
fn what_is_encrypted_is_read_with_its_key_alone_and_left_as_it_is_without() {
    let sim = Sim::default();
    let (mut log, _) = Log::open(sim.clone(), sealed(1), UUID).unwrap();
    let a = log.cursor("a").unwrap();
    let ids: Vec<u64> = (100..160).collect();
    for ids in ids.chunks(7) {
        append(&mut log, 1, ids).unwrap();
    }
    assert!(log.segments.len() > 2);
    drop(log);
    let before = contents(&sim);
    let readable = |content: &[u8], id: u64| content.windows(6).any(|window| window == &payload(id)[..6]);
    assert!(
        before.iter().all(|(name, content)| !name.starts_with("seg-") || ids.iter().all(|id| !readable(content, *id)))
    );
    assert!(matches!(error(&sim, SETTINGS), LogError::NoKey));
    assert!(matches!(error(&sim, sealed(2)), LogError::OtherKey));
    assert_eq!(contents(&sim), before);
    let heads = |key: Option<&Key>| survey(&sim, 1, key).unwrap().cursors[0].records[0].head.len();
    assert_eq!((heads(None), heads(sealed(2).key.as_ref()), heads(sealed(1).key.as_ref())), (0, 0, 8));
    assert_eq!(survey(&sim, 0, None).unwrap().cursors[0].held.records, 60, "what there is can be counted");
    let (mut log, _) = Log::open(sim, sealed(1), UUID).unwrap();
    assert_eq!(self::ids(&read_all(&mut log, a)), ids);
}

#[test]
fn a_log_is_encrypted_from_when_it_gets_a_key_on() {
    let sim = Sim::default();
    let (mut log, _) = open(sim.clone());
    let a = log.cursor("a").unwrap();
    append(&mut log, 1, &[1, 2]).unwrap();
    drop(log);
    let (mut log, opened) = Log::open(sim.clone(), sealed(1), UUID).unwrap();
    assert_eq!(opened, Opened::default());
    append(&mut log, 1, &[3, 4]).unwrap();
    let seals: Vec<bool> = log.segments.iter().map(|segment| segment.header.seal.is_some()).collect();
    assert_eq!(seals, [false, true]);
    assert_eq!(ids(&read_all(&mut log, a)), [1, 2, 3, 4]);
}

/// What a crash took back is written anew with the same sequence, in the same segment, and never with the same nonce.
#[test]
fn a_sequence_that_is_given_out_again_is_sealed_otherwise() {
    let sim = Sim::default();
    let (mut log, _) = Log::open(sim.clone(), sealed(1), UUID).unwrap();
    log.cursor("a").unwrap();
    let crashed = sim.crash(&mut Dice(1));
    let written = |sim: &Sim, log: &mut Log<Sim>| {
        let from = log.segments[0].end as usize;
        let sequence = append(log, 1, &[5]).unwrap();
        (sequence, sim.file(&log.segments[0].name).unwrap()[from..from + FRONT_BYTES + 8].to_vec())
    };
    let first = written(&sim, &mut log);
    let (mut log, _) = Log::open(crashed.clone(), sealed(1), UUID).unwrap();
    let second = written(&crashed, &mut log);
    assert_eq!(first.0, second.0);
    assert_ne!(first.1[FRONT_BYTES - 4..FRONT_BYTES], second.1[FRONT_BYTES - 4..FRONT_BYTES], "the opening");
    assert_ne!(first.1[FRONT_BYTES..], second.1[FRONT_BYTES..], "what is written");
}
