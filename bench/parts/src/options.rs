//! The flags of the command.

use std::path::PathBuf;
use std::time::Duration;

use regex::Regex;

/// What `--help` prints.
pub const HELP: &str = "\
Measures the parts of the data plane one by one, each against a rival.

Options:
  --duration SECONDS   time for each case (default 1.5)
  --sizes N,N,...      records per request, instead of each case's own choice
  --threads N,N,...    thread counts of the cases that share something (default 1,2)
  --filter REGEX       only cases whose name matches
  --json FILE          writes all figures there as well
  --list               only names the cases
  --help               prints this";

/// The flags, read.
#[derive(Debug)]
pub struct Options {
    /// Time for each case.
    pub duration: Duration,
    /// Records per request, if the user chose.
    pub sizes: Option<Vec<usize>>,
    /// Thread counts.
    pub threads: Vec<usize>,
    /// Which cases run.
    pub filter: Option<Regex>,
    /// Where the figures go.
    pub json: Option<PathBuf>,
    /// Whether cases are only named.
    pub list: bool,
    /// Whether help was asked for.
    pub help: bool,
}

impl Options {
    /// Reads the arguments behind the command's name.
    ///
    /// # Errors
    /// A text that names the argument.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Options, String> {
        let mut options = Options {
            duration: Duration::from_millis(1500),
            sizes: None,
            threads: vec![1, 2],
            filter: None,
            json: None,
            list: false,
            help: false,
        };
        let mut arguments = arguments.into_iter();
        while let Some(flag) = arguments.next() {
            match flag.as_str() {
                "--help" => options.help = true,
                "--list" => options.list = true,
                _ => {
                    let value = arguments.next().ok_or(format!("{flag} is no option, or lacks its value"))?;
                    options.set(&flag, &value).map_err(|reason| format!("{flag} {value}: {reason}"))?;
                }
            }
        }
        Ok(options)
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<(), String> {
        match flag {
            "--duration" => {
                let seconds: f64 = value.parse().map_err(|_| "not a number of seconds")?;
                self.duration = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
            }
            "--sizes" => self.sizes = Some(numbers(value)?),
            "--threads" => self.threads = numbers(value)?,
            "--filter" => self.filter = Some(Regex::new(value).map_err(|error| error.to_string())?),
            "--json" => self.json = Some(value.into()),
            _ => return Err("no such option".into()),
        }
        Ok(())
    }
}

/// Positive numbers with commas between them.
fn numbers(list: &str) -> Result<Vec<usize>, String> {
    let number = |text: &str| text.trim().parse().ok().filter(|number| *number > 0);
    list.split(',').map(number).collect::<Option<_>>().ok_or("not a list of positive numbers".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(String::from))
    }

    #[test]
    fn flags_replace_defaults() {
        let options = parse("--duration 0.25 --sizes 1,50 --threads 4 --filter ^pool --json out.json").unwrap();
        assert_eq!((options.duration, options.sizes), (Duration::from_millis(250), Some(vec![1, 50])));
        assert_eq!((options.threads, options.json), (vec![4], Some("out.json".into())));
        assert!(options.filter.unwrap().is_match("pool/4KiB"));
        assert_eq!(parse("").unwrap().threads, [1, 2]);
    }

    #[test]
    fn errors_name_the_argument() {
        for wrong in ["--sizes 0", "--sizes 1,x", "--duration -1", "--filter (", "--speed 1", "--json"] {
            let message = parse(wrong).unwrap_err();
            assert!(message.contains(wrong.split(' ').next().unwrap()), "{message}");
        }
    }
}
