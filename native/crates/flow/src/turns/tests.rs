//! Turns are fair to the byte, keep each flow's order, and lose nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;
use teleferric_buf::Permit;
use teleferric_wire::Signal;

use super::*;
use crate::parcel::Parcel;
use crate::reply::Reply;

/// The `number`th batch of a flow.
fn batch(flow: usize, number: u64, bytes: usize) -> Batch {
    let mut parcel =
        Parcel::new(Signal::Logs, bytes::Bytes::from_static(&ZEROS[..bytes]), number, Permit::none(), Reply::inert());
    parcel.context = Arc::new(Context { tenant: Some(name(flow)), ..Context::default() });
    Batch::from(parcel)
}

fn name(flow: usize) -> Arc<str> {
    Arc::from(flow.to_string())
}

fn push(turns: &mut Turns, batch: Batch) {
    turns.push(Turn { class: None, flow: Flow::of(&batch.parcel.context) }, batch);
}

/// As [`push`], where a flow's class goes with its number.
fn push_by_class(turns: &mut Turns, batch: Batch) {
    let class = Class::ALL[told(&batch).0 % Class::ALL.len()];
    turns.push(Turn { class: Some(class), flow: Flow::of(&batch.parcel.context) }, batch);
}

/// Flow, number and bytes of a batch.
fn told(batch: &Batch) -> (usize, u64, u64) {
    let tenant = batch.parcel.context.tenant.as_deref().unwrap_or_default();
    (tenant.parse().unwrap(), batch.parcel.items, batch.parcel.payload.bytes())
}

const BYTES_MAX: usize = 3 * QUANTUM_BYTES as usize;
static ZEROS: [u8; BYTES_MAX] = [0; BYTES_MAX];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However batches come and go, none is lost, and each flow's leave as they came, unless the newest goes first.
    #[test]
    fn each_flow_keeps_its_order(
        newest_first in any::<bool>(),
        by_class in any::<bool>(),
        steps in prop::collection::vec((0_usize..8, 1..BYTES_MAX, any::<bool>()), 1..80),
    ) {
        let order = if newest_first { Order::NewestFirst } else { Order::Fifo };
        let mut turns = Turns::new(order, by_class);
        let push = if by_class { push_by_class } else { push };
        let (mut pushed, mut popped) = (BTreeMap::<usize, u64>::new(), BTreeMap::<usize, u64>::new());
        let mut check = |batch: &Batch| {
            let (flow, number, _) = told(batch);
            let expected = popped.entry(flow).or_default();
            let in_order = newest_first || number == *expected;
            *expected += 1;
            in_order
        };
        let mut waiting = 0;
        for (flow, bytes, takes) in steps {
            let number = pushed.entry(flow).or_default();
            push(&mut turns, batch(flow, *number, bytes));
            *number += 1;
            waiting += 1;
            if takes {
                prop_assert!(check(&turns.pop().unwrap()));
                waiting -= 1;
            }
            prop_assert_eq!(turns.is_empty(), waiting == 0);
            prop_assert!(turns.lanes.iter().all(|lane| lane.lines.len() == lane.round.len()));
            prop_assert!(turns.lanes.iter().map(|lane| lane.lines.len()).sum::<usize>() <= waiting);
        }
        let half: Vec<Batch> = (0..waiting / 2).filter_map(|_| turns.pop()).collect();
        let rest = turns.take_all();
        prop_assert!(turns.is_empty() && turns.pop().is_none());
        prop_assert!(half.iter().chain(&rest).all(check));
        prop_assert_eq!(pushed, popped);
    }

    /// While several flows wait, none has sent more than another by over a turn and the largest batch.
    #[test]
    fn flows_that_wait_send_the_same_number_of_bytes(
        flows in prop::collection::vec(prop::collection::vec(1..BYTES_MAX, 1..40), 2..6),
    ) {
        let mut turns = Turns::new(Order::Fifo, false);
        for (flow, sizes) in flows.iter().enumerate() {
            sizes.iter().zip(0..).for_each(|(bytes, number)| push(&mut turns, batch(flow, number, *bytes)));
        }
        let mut sent = vec![0_u64; flows.len()];
        while let Some(next) = turns.pop() {
            let (flow, _, bytes) = told(&next);
            sent[flow] += bytes;
            let lines = &turns.lanes[0].lines;
            let waiting = || (0..flows.len()).filter(|flow| lines.contains_key(&Flow::Tenant(name(*flow))));
            let (least, most) = (waiting().map(|flow| sent[flow]).min(), waiting().map(|flow| sent[flow]).max());
            prop_assert!(most.unwrap_or(0) - least.unwrap_or(0) < QUANTUM_BYTES + BYTES_MAX as u64);
        }
    }
}

#[test]
fn a_single_request_overtakes_what_many_others_have_piled_up() {
    let mut turns = Turns::new(Order::Fifo, false);
    for number in 0..1_000 {
        (0..20).for_each(|flow| push(&mut turns, batch(flow, number, QUANTUM_BYTES as usize / 4)));
    }
    push(&mut turns, batch(99, 0, 100));
    let before = std::iter::from_fn(|| turns.pop()).take_while(|batch| told(batch).0 != 99).count();
    assert_eq!(before, 20 * 4, "one turn of each");
}

#[test]
fn the_more_important_goes_first_and_leaves_every_eighth_send_to_the_rest() {
    let mut turns = Turns::new(Order::Fifo, true);
    (0..4).for_each(|flow| (0..512).for_each(|number| push_by_class(&mut turns, batch(flow, number, 1))));
    let first: Vec<usize> = (0..9).map(|_| told(&turns.pop().unwrap()).0).collect();
    assert_eq!(first, [0, 0, 0, 0, 0, 0, 0, 1, 0]);
    let mut sent = [0; 4];
    first.into_iter().for_each(|flow| sent[flow] += 1);
    (9..512).for_each(|_| sent[told(&turns.pop().unwrap()).0] += 1);
    assert_eq!(sent, [7 * 64, 7 * 8, 7, 1]);
}

#[test]
fn the_newest_goes_first_and_the_oldest_every_eighth_time() {
    let mut turns = Turns::new(Order::NewestFirst, false);
    (0..100).for_each(|number| push(&mut turns, batch(0, number, 1)));
    let mut next = |count: usize| (0..count).map(|_| told(&turns.pop().unwrap()).1).collect::<Vec<_>>();
    assert_eq!(next(9), [99, 98, 97, 96, 95, 94, 93, 0, 92]);
    push(&mut turns, batch(0, 100, 1));
    assert_eq!(told(&turns.pop().unwrap()).1, 100);
    // What is left to another, or given up, goes as it came.
    let left: Vec<u64> = turns.take_all().iter().map(|batch| told(batch).1).collect();
    assert_eq!(left, (1..92).collect::<Vec<_>>());
}

#[test]
fn a_backlog_is_gone_in_time_however_fast_new_requests_come() {
    const BACKLOG: u64 = 20;
    let mut turns = Turns::new(Order::NewestFirst, false);
    (0..BACKLOG).for_each(|number| push(&mut turns, batch(0, number, 1)));
    let sent = (BACKLOG..9 * BACKLOG).map(|number| {
        push(&mut turns, batch(0, number, 1));
        told(&turns.pop().unwrap()).1
    });
    assert_eq!(sent.filter(|number| *number < BACKLOG).count() as u64, BACKLOG);
}

#[test]
fn turns_are_taken_by_tenants_or_by_addresses_whatever_the_port() {
    let from = |peer: &str| Flow::of(&Context { peer: Some(peer.parse().unwrap()), ..Context::default() });
    assert_eq!(from("10.0.0.1:99"), from("10.0.0.1:100"));
    assert_eq!(from("10.0.0.1:99"), from("[::ffff:10.0.0.1]:99"));
    assert_ne!(from("10.0.0.1:99"), from("10.0.0.2:99"));
    let tenant = Context { peer: Some("10.0.0.1:99".parse().unwrap()), tenant: Some("a".into()), ..Context::default() };
    assert_eq!(Flow::of(&tenant), Flow::Tenant("a".into()));
    assert_eq!(Flow::of(&Context::default()), Flow::Anyone);
}
