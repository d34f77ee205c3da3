//! Metrics of the five kinds and their data points.

use super::{Attributes, Text, double, last, messages, number, text};
use crate::cursor::{Cursor, Fields, Payload, WireType};
use crate::numbers::{
    buckets, data, exponential_point, histogram_point, metric, number_point, point, quantile, summary_point,
};

/// A metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric<'a> {
    bytes: &'a [u8],
}

/// What a metric's points are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// The last value.
    Gauge,
    /// A sum since a start.
    Sum,
    /// Counts in explicit buckets.
    Histogram,
    /// Counts in buckets of exponential width.
    ExponentialHistogram,
    /// Quantiles computed by the source.
    Summary,
}

impl MetricKind {
    /// The kind held by this field of `Metric`.
    pub(crate) fn of_field(number: u32) -> Option<Self> {
        Some(match number {
            metric::GAUGE => MetricKind::Gauge,
            metric::SUM => MetricKind::Sum,
            metric::HISTOGRAM => MetricKind::Histogram,
            metric::EXPONENTIAL_HISTOGRAM => MetricKind::ExponentialHistogram,
            metric::SUMMARY => MetricKind::Summary,
            _ => return None,
        })
    }

    /// The field that holds the attributes of this kind's points.
    pub(crate) fn attributes_field(self) -> u32 {
        match self {
            MetricKind::Gauge | MetricKind::Sum => number_point::ATTRIBUTES,
            MetricKind::Histogram => histogram_point::ATTRIBUTES,
            MetricKind::ExponentialHistogram => exponential_point::ATTRIBUTES,
            MetricKind::Summary => summary_point::ATTRIBUTES,
        }
    }
}

impl<'a> Metric<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The metric's name.
    pub fn name(&self) -> Text<'a> {
        text(self.bytes, metric::NAME)
    }

    /// What it measures, in words.
    pub fn description(&self) -> Text<'a> {
        text(self.bytes, metric::DESCRIPTION)
    }

    /// The unit, by UCUM.
    pub fn unit(&self) -> Text<'a> {
        text(self.bytes, metric::UNIT)
    }

    /// Translation notes; not identifying.
    pub fn metadata(&self) -> Attributes<'a> {
        Attributes::of(self.bytes, metric::METADATA)
    }

    /// The kind, or `None` for a metric without data.
    pub fn kind(&self) -> Option<MetricKind> {
        Fields::new(self.bytes).filter_map(|field| MetricKind::of_field(field.number)).last()
    }

    /// 0 unspecified, 1 delta, 2 cumulative; 0 for gauges and summaries.
    pub fn temporality(&self) -> i32 {
        match self.kind() {
            None | Some(MetricKind::Gauge | MetricKind::Summary) => 0,
            Some(_) => self.data_number(data::TEMPORALITY) as i32,
        }
    }

    /// Whether a sum never falls; false for other kinds.
    pub fn is_monotonic(&self) -> bool {
        self.kind() == Some(MetricKind::Sum) && self.data_number(data::IS_MONOTONIC) != 0
    }

    /// Data points in order.
    pub fn points(&self) -> impl Iterator<Item = Point<'a>> + Clone + use<'a> {
        Fields::new(self.bytes)
            .filter_map(|field| MetricKind::of_field(field.number).map(|kind| (kind, field.payload.bytes())))
            .flat_map(|(kind, bytes)| messages(bytes, data::POINTS).map(move |bytes| Point { kind, bytes }))
    }

    fn data_number(&self, field: u32) -> u64 {
        Fields::new(self.bytes)
            .filter(|outer| MetricKind::of_field(outer.number).is_some())
            .filter_map(|outer| last(outer.payload.bytes(), field))
            .last()
            .map(Payload::number)
            .unwrap_or_default()
    }
}

/// A data point of any kind. What a kind does not have reads as empty.
#[derive(Clone, Copy, Debug)]
pub struct Point<'a> {
    kind: MetricKind,
    bytes: &'a [u8],
}

/// The value of a gauge's or sum's point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A signed 64-bit integer.
    Int(i64),
    /// A double.
    Double(f64),
}

/// A quantile of a summary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// From 0 (least) to 1 (most).
    pub quantile: f64,
    /// The value at that quantile.
    pub value: f64,
}

impl<'a> Point<'a> {
    pub(crate) fn new(kind: MetricKind, bytes: &'a [u8]) -> Self {
        Self { kind, bytes }
    }

    /// The kind of its metric.
    pub fn kind(&self) -> MetricKind {
        self.kind
    }

    /// The point's attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.bytes, self.kind.attributes_field())
    }

    /// Nanoseconds since 1970; 0 if unknown.
    pub fn start_time_unix_nano(&self) -> u64 {
        number(self.bytes, point::START_TIME)
    }

    /// Nanoseconds since 1970.
    pub fn time_unix_nano(&self) -> u64 {
        number(self.bytes, point::TIME)
    }

    /// Bit 0: there is no recorded value.
    pub fn flags(&self) -> u32 {
        let field = match self.kind {
            MetricKind::Gauge | MetricKind::Sum => number_point::FLAGS,
            MetricKind::Histogram => histogram_point::FLAGS,
            MetricKind::ExponentialHistogram => exponential_point::FLAGS,
            MetricKind::Summary => summary_point::FLAGS,
        };
        number(self.bytes, field) as u32
    }

    /// The value of a gauge's or sum's point.
    pub fn number(&self) -> Option<Number> {
        if !matches!(self.kind, MetricKind::Gauge | MetricKind::Sum) {
            return None;
        }
        Fields::new(self.bytes)
            .filter_map(|field| match (field.number, field.payload) {
                (number_point::AS_DOUBLE, Payload::Fixed64(bits)) => Some(Number::Double(f64::from_bits(bits))),
                (number_point::AS_INT, Payload::Fixed64(bits)) => Some(Number::Int(bits as i64)),
                _ => None,
            })
            .last()
    }

    /// Observations in a histogram or summary.
    pub fn count(&self) -> u64 {
        match self.kind {
            MetricKind::Gauge | MetricKind::Sum => 0,
            _ => number(self.bytes, point::COUNT),
        }
    }

    /// Sum of the observations in a histogram, if told, or summary.
    pub fn sum(&self) -> Option<f64> {
        match self.kind {
            MetricKind::Gauge | MetricKind::Sum => None,
            MetricKind::Summary => Some(double(self.bytes, point::SUM).unwrap_or_default()),
            _ => double(self.bytes, point::SUM),
        }
    }

    /// Least observation in a histogram, if told.
    pub fn min(&self) -> Option<f64> {
        self.histogram_double(histogram_point::MIN, exponential_point::MIN)
    }

    /// Greatest observation in a histogram, if told.
    pub fn max(&self) -> Option<f64> {
        self.histogram_double(histogram_point::MAX, exponential_point::MAX)
    }

    /// Counts of a histogram's buckets: one more than the bounds, or none.
    pub fn bucket_counts(&self) -> impl Iterator<Item = u64> + Clone + use<'a> {
        fixed64s(self.only(MetricKind::Histogram), histogram_point::BUCKET_COUNTS)
    }

    /// Upper bounds of a histogram's buckets, rising.
    pub fn explicit_bounds(&self) -> impl Iterator<Item = f64> + Clone + use<'a> {
        fixed64s(self.only(MetricKind::Histogram), histogram_point::EXPLICIT_BOUNDS).map(f64::from_bits)
    }

    /// The scale of an exponential histogram: bucket width is 2^(2^-scale). Zigzag on the wire.
    pub fn scale(&self) -> i32 {
        let raw = number(self.only(MetricKind::ExponentialHistogram), exponential_point::SCALE) as u32;
        zigzag(raw)
    }

    /// Observations in an exponential histogram's zero bucket.
    pub fn zero_count(&self) -> u64 {
        number(self.only(MetricKind::ExponentialHistogram), exponential_point::ZERO_COUNT)
    }

    /// Half the width of the zero bucket.
    pub fn zero_threshold(&self) -> f64 {
        double(self.only(MetricKind::ExponentialHistogram), exponential_point::ZERO_THRESHOLD).unwrap_or_default()
    }

    /// Buckets above zero of an exponential histogram.
    pub fn positive(&self) -> Buckets<'a> {
        self.buckets(exponential_point::POSITIVE)
    }

    /// Buckets below zero of an exponential histogram.
    pub fn negative(&self) -> Buckets<'a> {
        self.buckets(exponential_point::NEGATIVE)
    }

    /// Quantiles of a summary.
    pub fn quantiles(&self) -> impl Iterator<Item = Quantile> + Clone + use<'a> {
        messages(self.only(MetricKind::Summary), summary_point::QUANTILES).map(|bytes| Quantile {
            quantile: double(bytes, quantile::QUANTILE).unwrap_or_default(),
            value: double(bytes, quantile::VALUE).unwrap_or_default(),
        })
    }

    fn buckets(&self, field: u32) -> Buckets<'a> {
        Buckets { bytes: text(self.only(MetricKind::ExponentialHistogram), field).0 }
    }

    fn histogram_double(&self, explicit: u32, exponential: u32) -> Option<f64> {
        match self.kind {
            MetricKind::Histogram => double(self.bytes, explicit),
            MetricKind::ExponentialHistogram => double(self.bytes, exponential),
            _ => None,
        }
    }

    /// The point's bytes if it is of this kind, so that another kind's fields are not misread.
    fn only(&self, kind: MetricKind) -> &'a [u8] {
        if self.kind == kind { self.bytes } else { &[] }
    }
}

/// One side of an exponential histogram.
#[derive(Clone, Copy, Debug)]
pub struct Buckets<'a> {
    bytes: &'a [u8],
}

impl<'a> Buckets<'a> {
    /// The index of the first bucket. Zigzag on the wire.
    pub fn offset(&self) -> i32 {
        zigzag(number(self.bytes, buckets::OFFSET) as u32)
    }

    /// Counts in order.
    pub fn counts(&self) -> impl Iterator<Item = u64> + Clone + use<'a> {
        Fields::new(self.bytes).filter(|field| field.number == buckets::COUNTS).flat_map(|field| {
            let (single, packed) = match field.payload {
                Payload::Bytes(packed) => (None, packed),
                other => (Some(other.number()), &[][..]),
            };
            single.into_iter().chain(run(packed, WireType::Varint))
        })
    }
}

fn zigzag(raw: u32) -> i32 {
    (raw >> 1) as i32 ^ -((raw & 1) as i32)
}

/// A repeated field of eight-byte numbers, packed or not.
fn fixed64s(bytes: &[u8], number: u32) -> impl Iterator<Item = u64> + Clone {
    Fields::new(bytes).filter(move |field| field.number == number).flat_map(|field| {
        let (single, packed) = match field.payload {
            Payload::Bytes(packed) => (None, packed),
            other => (Some(other.number()), &[][..]),
        };
        single.into_iter().chain(run(packed, WireType::Fixed64))
    })
}

/// Numbers without tags.
fn run(packed: &[u8], element: WireType) -> impl Iterator<Item = u64> + Clone {
    let mut cursor = Cursor::new(packed);
    std::iter::from_fn(move || {
        if cursor.is_empty() {
            return None;
        }
        cursor.payload(element).ok().map(Payload::number)
    })
}
