//! Joining small requests and cutting large ones: the batcher, which moves bytes, against decoding, merging and encoding.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use teleferric_buf::{Permit, Pool};
use teleferric_flow::batch::{Batch, Trigger};
use teleferric_flow::{BatchSettings, Batcher, Context, Log, Outcome, Parcel, Reply, Sizer};
use teleferric_wire::Signal;

use super::{Built, Entry, Plan, same};
use crate::measure::{Case, Clock, Contender};
use crate::payload;
use crate::request::{Request, equal_in_meaning};

/// The size of a batch that the `batch` processor sends by default.
const BATCH_ITEMS: u64 = 8_192;
const JOINED_REQUESTS: usize = 1_000;
const SPLIT_ITEMS: usize = 10_000;

pub(super) fn entries(_: &Plan) -> Vec<Entry> {
    [Signal::Traces, Signal::Logs]
        .into_iter()
        .flat_map(|signal| {
            [
                Entry::new(format!("batcher/join-{JOINED_REQUESTS}/{signal}"), move || join(signal)),
                Entry::new(format!("batcher/split-{SPLIT_ITEMS}/{signal}"), move || split(signal)),
            ]
        })
        .collect()
}

fn join(signal: Signal) -> Built {
    let requests: Vec<Bytes> = (0..JOINED_REQUESTS).map(|seed| payload::bytes(signal, 1, seed as u64)).collect();
    let mut batcher = batcher(signal);
    let batches = batch(&mut batcher, signal, &requests, 1);
    let rival = merge(signal, &requests)?;
    same("batches", batches.len(), 1)?;
    equal_in_meaning(signal, &batches[0].concat(), &rival)?;

    let ours = requests.clone();
    let contenders = vec![
        Contender::new("batcher", move || batch(&mut batcher, signal, &ours, 1)),
        Contender::new("decode, merge, encode", move || merge(signal, &requests).expect("was merged before")),
    ];
    Ok(Case { clock: Clock::Cpu, unit: "request", units_per_operation: JOINED_REQUESTS as u64, contenders })
}

fn split(signal: Signal) -> Built {
    let whole = [payload::bytes(signal, SPLIT_ITEMS, 1)];
    let mut batcher = batcher(signal);
    let batches = batch(&mut batcher, signal, &whole, SPLIT_ITEMS as u64);
    let rivals = cut(signal, &whole[0])?;
    same("batches", batches.len(), rivals.len())?;
    for (ours, rival) in batches.iter().zip(&rivals) {
        equal_in_meaning(signal, &ours.concat(), rival)?;
    }

    let ours = whole.clone();
    let contenders = vec![
        Contender::new("batcher", move || batch(&mut batcher, signal, &ours, SPLIT_ITEMS as u64)),
        Contender::new("decode, cut, encode", move || cut(signal, &whole[0]).expect("was cut before")),
    ];
    Ok(Case { clock: Clock::Cpu, unit: "record", units_per_operation: SPLIT_ITEMS as u64, contenders })
}

fn batcher(signal: Signal) -> Batcher {
    let settings = BatchSettings {
        sizer: Sizer::Items,
        min_size: BATCH_ITEMS,
        max_size: BATCH_ITEMS,
        flush_timeout: Duration::from_secs(3600),
    };
    Batcher::new(signal, Arc::new(settings), Arc::new(Context::default()), Pool::new(), Log::none())
}

/// The chunks of every batch that the requests, of so many items each, become; all are answered.
fn batch(batcher: &mut Batcher, signal: Signal, requests: &[Bytes], items: u64) -> Vec<Vec<Bytes>> {
    let mut ready = Vec::new();
    for request in requests {
        let parcel = Parcel::new(signal, request.clone(), items, Permit::none(), Reply::to(|_| {}));
        batcher.add(parcel, &mut ready);
    }
    ready.extend(batcher.take(Trigger::Timeout));
    ready.into_iter().map(deliver).collect()
}

fn deliver(batch: Batch) -> Vec<Bytes> {
    let parcel = batch.into_parcel(&Arc::default());
    parcel.reply.settle(Outcome::Accepted);
    parcel.payload.into_chunks().into_vec()
}

fn merge(signal: Signal, requests: &[Bytes]) -> Result<Bytes, Box<dyn Error>> {
    let (first, others) = requests.split_first().ok_or("nothing to merge")?;
    let mut merged = Request::decode(signal, first)?;
    for other in others {
        merged.append(Request::decode(signal, other)?);
    }
    Ok(merged.encode())
}

fn cut(signal: Signal, whole: &[u8]) -> Result<[Bytes; 2], Box<dyn Error>> {
    let mut first = Request::decode(signal, whole)?;
    let second = first.split_off(BATCH_ITEMS as usize).ok_or("not a signal that is cut")?;
    Ok([first.encode(), second.encode()])
}
