//! The axis `ttl`: a lifetime, or two between which each trial draws its own.

use toml::de::DeValue;
use ttlsweep_record::Ttls;

use super::problems::Problem;
use super::values::{Item, Notation, Seconds, lifetime, wrong_type};

/// How long links live: `"10s"`, or `{ random = ["8s", "13s"] }`.
pub(super) fn ttl(item: &Item<'_>) -> Result<Ttls, Problem> {
    let DeValue::Table(table) = item.value else { return lifetime(item).map(|Seconds(seconds)| seconds.into()) };
    let given: Vec<_> = table.iter().collect();
    let [(key, value)] = given[..] else { return Err(wrong_type(item, EXPECTED).help(HELP)) };
    if key.as_ref() != "random" {
        let place = item.place.elsewhere(key.span());
        return Err(Problem::at(&place, "expected `random`", format!("`ttl` has no key `{}`", key.as_ref())).help(HELP));
    }
    let place = item.place.elsewhere(value.span());
    let ends = match value.as_ref() {
        DeValue::Array(ends) if ends.len() == 2 => ends,
        _ => return Err(Problem::at(&place, "expected two lifetimes", "`random` draws between two TTLs").help(HELP)),
    };
    let mut seconds = ends.iter().map(|end| {
        let place = item.place.elsewhere(end.span());
        lifetime(&Item { value: end.as_ref(), place: &place, ..*item }).map(|Seconds(seconds)| seconds)
    });
    let (Some(first), Some(second)) = (seconds.next(), seconds.next()) else {
        return Err(wrong_type(item, EXPECTED).help(HELP));
    };
    let ttls = Ttls { least_s: first?, most_s: second? };
    if ttls.least_s < ttls.most_s {
        return Ok(ttls);
    }
    let [first, second] = [ttls.least_s, ttls.most_s].map(|seconds| Seconds(seconds).toml());
    Err(if ttls.least_s == ttls.most_s {
        Problem::at(&place, "one lifetime twice", "`random` has nothing to draw from")
            .help(format!("write ttl = {first}"))
    } else {
        Problem::at(&place, "the longer one is first", "`random` wants the shorter TTL first")
            .help(format!("write {{ random = [{second}, {first}] }}"))
    })
}

impl Notation for Ttls {
    fn toml(&self) -> String {
        let [least, most] = [self.least_s, self.most_s].map(|seconds| Seconds(seconds).toml());
        if self.least_s == self.most_s { least } else { format!("{{ random = [{least}, {most}] }}") }
    }
}

const EXPECTED: &str = "a duration, or { random = [\"8s\", \"13s\"] }";

const HELP: &str = "write for example ttl = \"10s\", or ttl = { random = [\"8s\", \"13s\"] }: then each trial draws a whole \
                    number of seconds from 8 to 13";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::experiment::problems::{Place, Source};

    fn read(toml: &str) -> Result<Ttls, String> {
        let place = Place::new(&Source::new("file", toml, 0), 0..toml.len());
        let value = DeValue::parse(toml).unwrap();
        let item = Item { key: "ttl", value: value.as_ref(), place: &place, folder: Path::new("") };
        ttl(&item).map_err(|problem| format!("{problem:?}"))
    }

    #[test]
    fn one_lifetime_or_two_to_draw_between_are_read_and_written_back() {
        for (toml, least_s, most_s) in [
            ("\"10s\"", 10, 10),
            ("{ random = [\"8s\", \"13s\"] }", 8, 13),
            ("{ random = [\"1m\", \"1h\"] }", 60, 3600),
        ] {
            assert_eq!(read(toml), Ok(Ttls { least_s, most_s }));
            assert_eq!(read(&Ttls { least_s, most_s }.toml()), Ok(Ttls { least_s, most_s }), "{toml}");
        }
    }

    #[test]
    fn what_cannot_be_drawn_from_is_told_with_what_to_write() {
        for (toml, says) in [
            ("{}", "13s"),
            ("{ rand = [\"8s\", \"13s\"] }", "has no key `rand`"),
            ("{ random = \"8s\" }", "draws between two TTLs"),
            ("{ random = [\"8s\"] }", "draws between two TTLs"),
            ("{ random = [\"8s\", \"9s\", \"10s\"] }", "draws between two TTLs"),
            ("{ random = [\"13s\", \"8s\"] }", "write { random = [\\\"8s\\\", \\\"13s\\\"] }"),
            ("{ random = [\"8s\", \"8s\"] }", "write ttl = \\\"8s\\\""),
            ("{ random = [\"0s\", \"8s\"] }", "expired when it is made"),
            ("{ random = [\"8s\", \"8d\"] }", "7 days at most"),
            ("{ random = [8, 13] }", "whole seconds"),
        ] {
            let error = read(toml).unwrap_err();
            assert!(error.contains(says), "{toml}: {error}");
        }
    }
}
