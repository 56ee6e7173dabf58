//! Today's date for templates that print it.

use std::time::{SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// From the day of the Unix epoch on.
const WEEKDAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// How a prompt depends on when it is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clockwork {
    /// Not at all.
    None,
    /// It names the day.
    Day,
    /// It names the time.
    Time,
}

impl Clockwork {
    /// Of a chat template; rather too much than too little.
    pub(in crate::inference) fn of(template: &str) -> Self {
        const TIMES: [&str; 10] = ["%H", "%I", "%M", "%S", "%p", "%T", "%X", "%c", "%s", "%f"];
        match template {
            t if !t.contains("strftime_now") => Self::None,
            t if TIMES.iter().any(|time| t.contains(time)) => Self::Time,
            _ => Self::Day,
        }
    }

    /// Whether a prompt that was rendered a little while ago, on a clock that is a minute off, is still the same now.
    pub fn is_steady(self) -> bool {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        self.is_steady_at(seconds % 86_400)
    }

    fn is_steady_at(self, second_of_day: u64) -> bool {
        /// Half an hour for the longest task, and a while for the audit.
        const AFTER_MIDNIGHT: u64 = 45 * 60;
        /// A fast clock may be in tomorrow already.
        const BEFORE_MIDNIGHT: u64 = 5 * 60;
        match self {
            Self::None => true,
            Self::Day => (AFTER_MIDNIGHT..86_400 - BEFORE_MIDNIGHT).contains(&second_of_day),
            Self::Time => false,
        }
    }
}

/// Now, in UTC, as Python's `strftime` writes it.
pub(super) fn strftime_now(format: &str) -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    strftime(seconds, format)
}

fn strftime(seconds: u64, format: &str) -> String {
    let days = seconds / 86_400;
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    let month_name = MONTHS[(month - 1) as usize % 12];
    let weekday = WEEKDAYS[(days % 7) as usize];
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('Y') => out.push_str(&year.to_string()),
            Some('y') => out.push_str(&format!("{:02}", year % 100)),
            Some('m') => out.push_str(&format!("{month:02}")),
            Some('d') => out.push_str(&format!("{day:02}")),
            Some('B') => out.push_str(month_name),
            Some('b' | 'h') => out.push_str(&month_name[..3]),
            Some('A') => out.push_str(weekday),
            Some('a') => out.push_str(&weekday[..3]),
            Some('H') => out.push_str(&format!("{hour:02}")),
            Some('M') => out.push_str(&format!("{minute:02}")),
            Some('S') => out.push_str(&format!("{second:02}")),
            Some('F') => out.push_str(&format!("{year}-{month:02}-{day:02}")),
            Some('T') => out.push_str(&format!("{hour:02}:{minute:02}:{second:02}")),
            Some('%') => out.push('%'),
            Some(other) => out.extend(['%', other]),
            None => out.push('%'),
        }
    }
    out
}

/// Year, month and day of the Gregorian calendar, from days since 1970-01-01, by counting eras of 400 years
/// that begin on the first of March.
fn civil(days: u64) -> (u64, u64, u64) {
    // Days from 0000-03-01 to 1970-01-01, days of 400, 100, 4 and 1 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_dates_as_python_does() {
        assert_eq!(strftime(0, "%A %d %B %Y %H:%M:%S %%"), "Thursday 01 January 1970 00:00:00 %");
        assert_eq!(strftime(951_782_400, "%a %d %b %y"), "Tue 29 Feb 00");
        assert_eq!(strftime(1_709_164_800, "%F"), "2024-02-29");
        assert_eq!(strftime(4_102_444_799, "%F %T %q"), "2099-12-31 23:59:59 %q");
    }

    #[test]
    fn a_prompt_that_tells_the_day_is_steady_by_day() {
        assert_eq!(Clockwork::of("{{ messages }} %d %H"), Clockwork::None);
        let day = Clockwork::of("{{ strftime_now('%d %b %Y') }}");
        assert_eq!((day, Clockwork::of("{{ strftime_now('%H:%M') }}")), (Clockwork::Day, Clockwork::Time));
        assert!(day.is_steady_at(43_200) && !day.is_steady_at(60) && !day.is_steady_at(86_300));
        assert!(!Clockwork::Time.is_steady_at(43_200) && Clockwork::None.is_steady_at(0));
    }
}
