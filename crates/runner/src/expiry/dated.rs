//! A date and a number of seconds: what three vendors have in common.

use super::Life;
use super::query::{Query, basic_date};

/// The names of the two parameters.
pub(super) struct Names {
    pub(super) date: &'static str,
    pub(super) seconds: &'static str,
}

/// The life of a link that `marks` tell to be of this form.
pub(super) fn read(query: &Query, names: &Names, marks: &[&str]) -> Option<Result<Life, String>> {
    query.has(marks).then(|| life(query, names))
}

fn life(query: &Query, names: &Names) -> Result<Life, String> {
    let date = query.needed(names.date)?;
    let made =
        basic_date(date).ok_or_else(|| format!("its `{}` is not a date such as 20261130T120000Z", names.date))?;
    let seconds = query.needed(names.seconds)?.parse::<u32>();
    let seconds = seconds.map_err(|_| format!("its `{}` is not a whole number of seconds", names.seconds))?;
    Ok(Life { made: Some(made), begins: None, expires: made.plus_micros(i64::from(seconds) * 1_000_000) })
}
