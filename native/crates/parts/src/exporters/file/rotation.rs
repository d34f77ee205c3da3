//! When a new file is begun, how old ones are called, and which of them go: the names and rules are lumberjack's,
//! which the Collector rotates with.

use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::RotationConfig;

/// Rules of rotation.
#[derive(Clone, Debug)]
pub(super) struct Rotation {
    /// Bytes.
    size_max: u64,
    age_max: Option<SignedDuration>,
    backups_max: Option<usize>,
    zone: TimeZone,
}

/// The time in a name: the shape of RFC 3339 without what file systems do not take.
const STAMP: &str = "%Y-%m-%dT%H-%M-%S%.3f";

impl Rotation {
    pub(super) fn new(config: &RotationConfig) -> Self {
        let days = i64::try_from(config.max_days).ok().filter(|days| *days != 0);
        let backups = usize::try_from(config.max_backups).ok().filter(|backups| *backups != 0);
        Rotation {
            size_max: config.max_megabytes.saturating_mul(1 << 20),
            age_max: days.and_then(|days| days.checked_mul(24)).and_then(SignedDuration::try_from_hours),
            backups_max: backups,
            zone: if config.localtime { TimeZone::system() } else { TimeZone::UTC },
        }
    }

    /// Whether a file of this size is done before `more` bytes come. A first record always fits.
    pub(super) fn is_due(&self, size: u64, more: u64) -> bool {
        size > 0 && size.saturating_add(more) > self.size_max
    }

    /// A name for the file that is done, free at the time.
    pub(super) fn backup(&self, path: &Path, now: Timestamp) -> PathBuf {
        let (before, after) = affixes(path);
        let mut time = now;
        loop {
            let stamp = self.zone.to_datetime(time).strftime(STAMP).to_string();
            let backup = path.with_file_name(format!("{before}{stamp}{after}"));
            if !backup.exists() {
                return backup;
            }
            // Two files may be done within a millisecond.
            time = time.saturating_add(SignedDuration::from_millis(1)).unwrap_or(now);
        }
    }

    /// Removes the backups that are too many or too old. One that cannot be removed does not keep the others.
    ///
    /// # Errors
    /// The first that failed.
    pub(super) fn prune(&self, path: &Path, now: Timestamp) -> io::Result<()> {
        if self.age_max.is_none() && self.backups_max.is_none() {
            return Ok(());
        }
        let mut backups = backups(path)?;
        backups.sort_by(|(one, _), (other, _)| other.cmp(one));
        let today = self.zone.to_datetime(now);
        let mut result = Ok(());
        for (index, (time, backup)) in backups.into_iter().enumerate() {
            let surplus = self.backups_max.is_some_and(|max| index >= max);
            let old = self.age_max.is_some_and(|age| today.duration_since(time) > age);
            if surplus || old {
                result = result.and(std::fs::remove_file(backup));
            }
        }
        result
    }
}

/// Files beside `path` that are named as its backups are, with the time in their names.
fn backups(path: &Path) -> io::Result<Vec<(DateTime, PathBuf)>> {
    let (before, after) = affixes(path);
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let stamp = name.to_str().and_then(|name| name.strip_prefix(&before)?.strip_suffix(&after));
        if let Some(time) = stamp.and_then(|stamp| DateTime::strptime(STAMP, stamp).ok()) {
            found.push((time, entry.path()));
        }
    }
    Ok(found)
}

/// What stands before and after the time in a backup's name.
fn affixes(path: &Path) -> (String, String) {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
    (format!("{stem}-"), extension.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotation(max_days: u64, max_backups: u64) -> Rotation {
        Rotation::new(&RotationConfig { max_megabytes: 1, max_days, max_backups, localtime: false })
    }

    #[test]
    fn is_due_when_the_next_record_does_not_fit() {
        let rotation = rotation(0, 0);
        assert!(!rotation.is_due(0, 9 << 20), "a first record always fits");
        assert!(!rotation.is_due(1 << 19, 1 << 19));
        assert!(rotation.is_due(1 << 19, (1 << 19) + 1));
    }

    #[test]
    fn backups_carry_the_time_and_never_collide() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.json");
        let now: Timestamp = "2026-01-02T15:04:05.999Z".parse().unwrap();
        let first = rotation(0, 0).backup(&path, now);
        assert_eq!(first.file_name().unwrap(), "out-2026-01-02T15-04-05.999.json");
        std::fs::write(&first, "").unwrap();
        let second = rotation(0, 0).backup(&path, now);
        assert_eq!(second.file_name().unwrap(), "out-2026-01-02T15-04-06.000.json");
    }

    #[test]
    fn local_time_is_read_from_the_system() {
        let config = RotationConfig { max_megabytes: 1, max_days: 0, max_backups: 0, localtime: true };
        let now = Timestamp::now();
        let backup = Rotation::new(&config).backup(Path::new("/nowhere/out"), now);
        let expected = TimeZone::system().to_datetime(now).strftime(STAMP).to_string();
        assert_eq!(backup, Path::new(&format!("/nowhere/out-{expected}")));
    }

    #[test]
    fn keeps_the_newest_and_the_young_and_what_is_not_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.json");
        let names = [
            "out-2026-01-01T00-00-00.000.json",
            "out-2026-01-05T00-00-00.000.json",
            "out-2026-01-06T00-00-00.000.json",
            "out-2026-01-07T00-00-00.000.json",
            "out-notes.json",
            "out.json",
            "other-2026-01-01T00-00-00.000.json",
        ];
        let left = || names.map(|name| folder.path().join(name).exists());
        names.iter().for_each(|name| std::fs::write(folder.path().join(name), "").unwrap());
        let now: Timestamp = "2026-01-08T00:00:00Z".parse().unwrap();
        rotation(5, 0).prune(&path, now).unwrap();
        assert_eq!(left(), [false, true, true, true, true, true, true]);
        rotation(0, 2).prune(&path, now).unwrap();
        assert_eq!(left(), [false, false, true, true, true, true, true]);
        rotation(0, 0).prune(&path, now).unwrap();
        assert_eq!(left(), [false, false, true, true, true, true, true]);
    }
}
