//! Compression and decompression of whole requests against the libraries that other collectors use, at their levels.
//! The rivals make their context anew for each body, as those collectors do, except where the name says "kept".

use std::error::Error;
use std::hint::black_box;
use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use teleferric_buf::{Permit, Pool};
use teleferric_codec::{Caps, Codec, compress, decompress};
use teleferric_wire::Signal;

use super::{Built, Entry, Plan};
use crate::measure::{Case, Clock, Contender};
use crate::payload;

type Failure = Box<dyn Error>;

/// What others compress with when nothing is said.
const ZSTD_STOCK_LEVEL: i32 = 3;

pub(super) fn entries(plan: &Plan) -> Vec<Entry> {
    let mut entries = Vec::new();
    for signal in [Signal::Traces, Signal::Logs] {
        for records in plan.sizes(&[1000, 8000]) {
            let mut add = |what: &str, build: fn(&Input) -> Built| {
                let build = move || build(&Input::new(signal, records));
                entries.push(Entry::new(format!("codec/{what}/{signal}/{records}"), build));
            };
            add("gzip-1", |input| deflate(input, 1));
            add("gzip-6", |input| deflate(input, 6));
            add("gunzip", gunzip);
            add("zstd", zstd_compress);
            add("unzstd", zstd_decompress);
        }
    }
    entries
}

/// What is compressed.
struct Input {
    plain: Bytes,
    records: usize,
    pool: Pool,
}

impl Input {
    fn new(signal: Signal, records: usize) -> Input {
        Input { plain: payload::bytes(signal, records, 1), records, pool: Pool::new() }
    }

    fn case(&self, contenders: Vec<Contender>) -> Built {
        Ok(Case { clock: Clock::Cpu, unit: "record", units_per_operation: self.records as u64, contenders })
    }

    /// A contender that compresses. Its result is read back by `read` first, and its ratio becomes the note.
    fn compressor<C: AsRef<[u8]> + 'static>(
        &self,
        name: &'static str,
        read: impl Fn(&[u8]) -> Result<Vec<u8>, Failure>,
        mut write: impl FnMut(&Bytes) -> Result<C, Failure> + 'static,
    ) -> Result<Contender, Failure> {
        let packed = write(&self.plain)?;
        if read(packed.as_ref())? != self.plain {
            return Err(format!("{name}: what was compressed reads back otherwise").into());
        }
        let ratio = self.plain.len() as f64 / packed.as_ref().len() as f64;
        let plain = self.plain.clone();
        let work = move || write(black_box(&plain)).expect("was compressed before");
        Ok(Contender::new(name, work).note(format!("ratio {ratio:.2}, {} B", packed.as_ref().len())))
    }

    /// A contender that decompresses `packed`, which must give the plain bytes.
    fn decompressor<P: AsRef<[u8]> + 'static>(
        &self,
        name: &'static str,
        packed: &Bytes,
        mut read: impl FnMut(&[u8]) -> Result<P, Failure> + 'static,
    ) -> Result<Contender, Failure> {
        if read(packed)?.as_ref() != self.plain {
            return Err(format!("{name}: the result differs from what was compressed").into());
        }
        let packed = packed.clone();
        Ok(Contender::new(name, move || read(black_box(&packed)).expect("was decompressed before")))
    }

    /// The product's decompression, capped at the size that is due.
    fn ours(&self, codec: Codec) -> impl FnMut(&[u8]) -> Result<Bytes, Failure> + use<> {
        let pool = self.pool.clone();
        let caps = Caps { max_output: self.plain.len(), ratio: None };
        move |packed| Ok(decompress(codec, packed, &caps, &mut Permit::none(), &pool)?)
    }
}

fn deflate(input: &Input, level: u8) -> Built {
    let pool = input.pool.clone();
    let names = if level == 1 { ("libdeflate 1", "zlib 1") } else { ("libdeflate 6", "zlib 6") };
    let contenders = vec![
        input.compressor(names.0, zlib_read, move |plain| {
            Ok(compress(Codec::Gzip, Some(level.into()), std::slice::from_ref(plain), &pool)?)
        })?,
        input.compressor(names.1, zlib_read, move |plain| zlib_write(plain, level.into()))?,
    ];
    input.case(contenders)
}

fn gunzip(input: &Input) -> Built {
    let packed = Bytes::from(zlib_write(&input.plain, 6)?);
    let contenders = vec![
        input.decompressor("libdeflate", &packed, input.ours(Codec::Gzip))?,
        input.decompressor("zlib", &packed, zlib_read)?,
    ];
    input.case(contenders)
}

fn zstd_compress(input: &Input) -> Built {
    let pool = input.pool.clone();
    let read = |packed: &[u8]| Ok(zstd::decode_all(packed)?);
    let mut kept = zstd::bulk::Compressor::new(ZSTD_STOCK_LEVEL)?;
    let contenders = vec![
        input.compressor("zstd 1, kept", read, move |plain| {
            Ok(compress(Codec::Zstd, Some(1), std::slice::from_ref(plain), &pool)?)
        })?,
        input.compressor("zstd 3, kept", read, move |plain| Ok(kept.compress(plain)?))?,
        input.compressor("zstd 3", read, |plain| Ok(zstd::encode_all(&plain[..], ZSTD_STOCK_LEVEL)?))?,
    ];
    input.case(contenders)
}

fn zstd_decompress(input: &Input) -> Built {
    let packed = Bytes::from(zstd::bulk::compress(&input.plain, ZSTD_STOCK_LEVEL)?);
    let contenders = vec![
        input.decompressor("zstd, kept", &packed, input.ours(Codec::Zstd))?,
        input.decompressor("zstd", &packed, |packed| Ok(zstd::decode_all(packed)?))?,
    ];
    input.case(contenders)
}

fn zlib_write(plain: &[u8], level: u32) -> Result<Vec<u8>, Failure> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(plain)?;
    Ok(encoder.finish()?)
}

fn zlib_read(packed: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(packed).read_to_end(&mut plain)?;
    Ok(plain)
}
