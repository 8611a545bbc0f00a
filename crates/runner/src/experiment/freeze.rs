//! The frozen text: the experiment as it ran, every setting explicit, to be loaded again without any option.

use std::fmt::Write;

use super::resolve::Resolved;
use super::settings::Table;

/// The TOML text that loads to the very same experiment, headed by what identifies it.
pub(crate) fn text(resolved: &Resolved, plan_hash: &str) -> String {
    let head = &resolved.head;
    let mut text = format!(
        "# The experiment as it was run: options applied, every setting explicit. `ttlsweep resume` reads it.\n\
         # name: {}\n# seed: {}\n# plan: {plan_hash}\n",
        head.name, head.seed
    );
    let is_given =
        |table: &Table| *table != Table::Path || resolved.axes.iter().any(|values| values.setting.table == *table);
    for table in Table::ALL.into_iter().filter(is_given) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n[{}]", table.name());
        for values in resolved.heads.iter().filter(|values| values.setting.table == table) {
            for choice in &values.choices {
                let _ = writeln!(text, "{} = {}", values.setting.key, choice.toml);
            }
        }
        for values in resolved.axes.iter().filter(|values| values.setting.table == table) {
            let notations: Vec<_> = values.choices.iter().map(|choice| choice.toml.as_str()).collect();
            let joined = notations.join(", ");
            let value = if values.listed { format!("[{joined}]") } else { joined };
            let _ = writeln!(text, "{} = {value}", values.setting.key);
        }
    }
    text
}
