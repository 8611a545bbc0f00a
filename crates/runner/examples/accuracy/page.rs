//! Pages in docs/ of which a part is measured and the rest is written by hand.

use std::path::Path;

use crate::Failure;

/// Puts `text` between the page's marks of `name`.
pub(crate) fn replace_part(page: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let written = std::fs::read_to_string(page).map_err(|error| format!("{}: {error}", page.display()))?;
    let missing = || format!("{} has no part `{name}`", page.display());
    let (before, rest) = written.split_once(&begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
    Ok(std::fs::write(page, format!("{before}{begin}{}\n{end}{after}", text.trim_end()))?)
}
