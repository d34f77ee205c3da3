//! The statistics of a comparison: percentiles of blocks, and the median of pair ratios with its interval.

use serde::Serialize;

use crate::random::Random;

/// How often the ratios are resampled for their interval.
const RESAMPLES: usize = 1_000;

/// The value that `percent` of the sorted values do not exceed (nearest rank); NaN for none.
pub fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1).min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// The middle value, or the mean of the middle two; NaN for none.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match (values.len(), values.len() / 2) {
        (0, _) => f64::NAN,
        (length, middle) if length % 2 == 1 => values[middle],
        (_, middle) => (values[middle - 1] + values[middle]) / 2.0,
    }
}

/// A median and the interval that holds it with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The median of the values.
    pub median: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The median of `values`, and the percentile bootstrap of it. The seed is fixed: equal values, equal interval.
pub fn estimate(values: &[f64]) -> Estimate {
    let mut random = Random::new(values.len() as u64);
    let mut sample = vec![0.0; values.len()];
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            sample.iter_mut().for_each(|value| *value = random.pick(values));
            median(&mut sample)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    sample.copy_from_slice(values);
    Estimate { median: median(&mut sample), low: percentile(&medians, 2.5), high: percentile(&medians, 97.5) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!([50.0, 95.0, 99.0, 100.0].map(|percent| percentile(&sorted, percent)), [50.0, 95.0, 99.0, 100.0]);
        assert_eq!(percentile(&[3.0], 99.0), 3.0);
        assert_eq!(percentile(&[3.0, 4.0], 0.0), 3.0);
        assert!(percentile(&[], 50.0).is_nan());
    }

    #[test]
    fn median_takes_the_middle_whatever_the_order() {
        assert_eq!(median(&mut [9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&mut [4.0, 1.0, 9.0, 2.0]), 3.0);
        assert!(median(&mut []).is_nan());
    }

    #[test]
    fn estimate_brackets_the_median_and_ignores_an_outlier() {
        let mut values: Vec<f64> = (0..101).map(|index| 2.0 + f64::from(index) / 1000.0).collect();
        values.push(1e9);
        let Estimate { median, low, high } = estimate(&values);
        assert!(low <= median && median <= high);
        assert!((2.03..2.05).contains(&low) && (2.05..2.08).contains(&high), "{low} {median} {high}");
        assert_eq!(estimate(&values), estimate(&values));
    }

    #[test]
    fn estimate_of_equal_values_has_no_width() {
        assert_eq!(estimate(&[1.5; 12]), Estimate { median: 1.5, low: 1.5, high: 1.5 });
    }
}
