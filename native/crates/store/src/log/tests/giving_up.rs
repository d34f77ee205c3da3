//! What is given up where there is no room for more.

use super::*;

/// Appends one record for both readers, making room for it if need be; what was given up for that.
fn push(log: &mut Log<Sim>, id: u64) -> Result<Vec<GivenUp>, LogError> {
    let mut gone = Vec::new();
    loop {
        match append(log, 0b11, &[id]) {
            Err(LogError::Full) => log.give_up_oldest(false, |given_up| gone.push(given_up))?,
            appended => return appended.map(|_| gone),
        }
    }
}

/// Reads and acknowledges what there is for a reader that keeps up.
fn keep_up(log: &mut Log<Sim>, cursor: u32) -> usize {
    let read = read_all(log, cursor);
    read.iter().for_each(|(sequence, _)| log.acknowledge(cursor, *sequence));
    read.len()
}

fn slow_and_fast(sim: &Sim, policy: LagPolicy) -> Log<Sim> {
    let (mut log, _) = open(sim.clone());
    assert_eq!((log.cursor("slow").unwrap(), log.cursor("fast").unwrap()), (0, 1));
    log.set_lag_policy(0, policy);
    log
}

#[test]
fn a_reader_that_is_behind_loses_its_oldest_and_holds_up_no_other() {
    let sim = Sim::default();
    let mut log = slow_and_fast(&sim, LagPolicy::DropOldest);
    push(&mut log, 0).unwrap();
    push(&mut log, 1).unwrap();
    let under_way = read_all(&mut log, 0);
    let (mut delivered, mut gone) = (keep_up(&mut log, 1), Tally::default());
    for id in 2..500 {
        for given_up in push(&mut log, id).unwrap() {
            assert_eq!((given_up.cursor, given_up.name.as_str()), (0, "slow"));
            gone.add(given_up.tally);
        }
        delivered += keep_up(&mut log, 1);
    }
    assert_eq!(delivered, 500);
    assert!(log.status().bytes <= SETTINGS.max_bytes);
    // What was under way is not in the log any more: one was delivered all the same, one comes back in vain.
    log.acknowledge(0, under_way[0].0);
    let lost = log.release(0, under_way[1].0).unwrap();
    assert_eq!((lost.tally.records, lost.sequences), (1, under_way[1].0..under_way[1].0 + 1));
    assert_eq!(gone.records + log.held(0).records, 498);
    let left = ids(&read_all(&mut log, 0));
    assert_eq!(left, (500 - left.len() as u64..500).collect::<Vec<_>>(), "the newest, each once");
    assert_eq!(log.read(0, 1, u64::MAX).unwrap().lost, Tally::default());
    log.checkpoint().unwrap();
    drop(log);
    let (log, _) = open(sim);
    assert_eq!(log.held(0).records, left.len() as u64);
}

#[test]
fn a_reader_that_blocks_loses_nothing_also_to_others_that_need_not_block() {
    let mut log = slow_and_fast(&Sim::default(), LagPolicy::DropOldest);
    let taken = (0..).find(|id| push(&mut log, *id).is_err()).unwrap();
    assert_eq!((log.held(0).records, log.held(1).records), (taken, taken));
    // Where the log is to go on in any case, it does.
    let mut gone = [0, 0];
    log.give_up_oldest(true, |given_up| gone[given_up.cursor as usize] += given_up.tally.records).unwrap();
    assert!(gone[0] > 0 && gone[0] == gone[1], "{gone:?}");
    append(&mut log, 0b11, &[taken]).unwrap();
    assert_eq!(ids(&read_all(&mut log, 1)), (gone[0]..=taken).collect::<Vec<_>>());
}

#[test]
fn a_reader_that_is_detached_goes_on_with_what_comes_next() {
    let mut log = slow_and_fast(&Sim::default(), LagPolicy::Detach);
    push(&mut log, 0).unwrap();
    assert_eq!(ids(&read_all(&mut log, 0)), [0]);
    let mut gone = Vec::new();
    let last = (1..).find(|id| {
        keep_up(&mut log, 1);
        gone = push(&mut log, *id).unwrap();
        !gone.is_empty()
    });
    let last = last.unwrap();
    assert_eq!((gone.len(), gone[0].tally.records), (1, last - 1), "all at once");
    assert_eq!(ids(&read_all(&mut log, 0)), [last]);
    assert_eq!(log.held(0).records, 1);
}

#[test]
fn a_queue_over_its_size_gives_up_as_much_as_it_is_told_to() {
    let mut log = slow_and_fast(&Sim::default(), LagPolicy::DropOldest);
    append(&mut log, 0b01, &[1, 2, 3, 4, 5]).unwrap();
    let first = log.read(0, 2, u64::MAX).unwrap().records;
    log.release(0, first[1].sequence);
    let gone = log.give_up(0, u64::MAX, |gone| gone.records == 2).unwrap();
    assert_eq!((gone.tally.records, gone.tally.bytes), (2, (payload(2).len() + payload(3).len()) as u64));
    assert_eq!(gone.sequences.end, first[1].sequence + 2);
    assert_eq!(log.give_up(0, u64::MAX, |_| true), None);
    assert_eq!(ids(&read_all(&mut log, 0)), [4, 5]);
    assert_eq!(log.held(0).records, 3, "what is under way stays");
    assert_eq!(log.give_up(0, u64::MAX, |_| false), None, "and there is nothing else");
    log.set_lag_policy(0, LagPolicy::Detach);
    append(&mut log, 0b01, &[6, 7]).unwrap();
    assert_eq!(log.give_up(0, u64::MAX, |gone| gone.records > 0).map(|gone| gone.tally.records), Some(2));
    let last = append(&mut log, 0b01, &[10, 11, 12]).unwrap()[2];
    assert_eq!(log.give_up(0, last, |_| false).map(|gone| gone.tally.records), Some(2));
    assert_eq!(ids(&read_all(&mut log, 0)), [12], "what came last was not meant");
    log.set_lag_policy(0, LagPolicy::Block);
    append(&mut log, 0b01, &[8]).unwrap();
    assert_eq!(log.give_up(0, u64::MAX, |_| false), None);
}

#[test]
fn a_group_for_which_the_disk_has_no_room_is_refused_whole() {
    let sim = Sim::default();
    let (mut log, _) = open(sim.clone());
    let a = log.cursor("a").unwrap();
    append(&mut log, 1, &[1]).unwrap();
    sim.set_free_bytes(0);
    let many: Vec<u64> = (2..60).collect();
    assert!(matches!(append(&mut log, 1, &many), Err(LogError::NoSpace)));
    append(&mut log, 1, &[2]).unwrap();
    assert_eq!(ids(&read_all(&mut log, a)), [1, 2], "nothing of it is there");
}
