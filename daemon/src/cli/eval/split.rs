//! `--split`: which half of the cases is measured, so that what was tuned on is never what is reported.

use clap::{Args, ValueEnum};
use polymath_swarm::evaluation::Half;

/// The flag, and how it reads in a report.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Split {
    /// Half of the cases, by the prompts' SHA-256: `dev` to tune on, `reported` to report, or `all`
    #[arg(long, value_enum, value_name = "HALF", default_value_t = Part::All, hide_possible_values = true)]
    split: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    All,
    Dev,
    Reported,
}

impl Split {
    /// Whether the case with this prompt is measured.
    pub(super) fn holds(self, prompt: &str) -> bool {
        match self.split {
            Part::All => true,
            Part::Dev => Half::of(prompt) == Half::Dev,
            Part::Reported => Half::of(prompt) == Half::Reported,
        }
    }

    /// The cases measured; an error if none are left.
    pub(super) fn of<T>(self, cases: Vec<T>, prompt: impl Fn(&T) -> &str) -> anyhow::Result<Vec<T>> {
        let kept: Vec<T> = cases.into_iter().filter(|case| self.holds(prompt(case))).collect();
        anyhow::ensure!(!kept.is_empty(), "no case is in this half");
        Ok(kept)
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self.split {
            Part::All => "all",
            Part::Dev => "dev",
            Part::Reported => "reported",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_make_the_whole() {
        let cases: Vec<String> = (0..100).map(|n| format!("question {n}")).collect();
        let part = |split| Split { split }.of(cases.clone(), |case| case).unwrap();
        let (dev, reported) = (part(Part::Dev), part(Part::Reported));
        assert_eq!(dev.len() + reported.len(), 100);
        assert!(dev.iter().all(|case| !reported.contains(case)));
        assert_eq!(part(Part::All), cases);
        assert!(Split { split: Part::Dev }.of(reported, |case| case).is_err());
    }
}
