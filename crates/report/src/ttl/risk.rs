use std::fmt;
use std::str::FromStr;

/// The share of trials that may be refused: more than none and less than all.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Risk(f64);

impl Risk {
    /// The share, between 0 and 1, both excluded.
    pub const fn share(self) -> f64 {
        self.0
    }

    /// The risks of which a report says what they take: 5 %, 1 %, 0.1 %.
    pub const LADDER: [Self; 3] = [Self(0.05), Self(0.01), Self(0.001)];
}

impl Default for Risk {
    fn default() -> Self {
        Self(0.05)
    }
}

impl FromStr for Risk {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected a percentage such as 5%, 1% or 0.1%";
        let Some(number) = text.strip_suffix('%') else {
            return Err(match text.parse::<f64>() {
                Ok(share) if share > 0.0 && share < 1.0 => {
                    format!("{EXPECTED}; a share of {text} is written {}%", trimmed(share * 100.0))
                }
                _ => EXPECTED.to_owned(),
            });
        };
        if number.contains(char::is_whitespace) {
            return Err(format!("{EXPECTED}; write `{}%`", number.split_whitespace().collect::<String>()));
        }
        let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        match number.parse::<f64>() {
            Ok(percent) if plain && percent <= 0.0 => {
                Err("no number of trials shows a risk of nothing; the least that is asked for is 0.0001%".to_owned())
            }
            Ok(percent) if plain && percent >= 100.0 => {
                Err("a risk of 100% or more asks for nothing; take 5%, 1% or 0.1%".to_owned())
            }
            Ok(percent) if plain && percent >= 0.0001 => Ok(Self(percent / 100.0)),
            Ok(_) if plain => Err("the least risk that is asked for is 0.0001%".to_owned()),
            _ => Err(EXPECTED.to_owned()),
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", trimmed(self.0 * 100.0))
    }
}

/// A number without trailing zeros, rounding errors left out.
fn trimmed(number: f64) -> String {
    format!("{number:.6}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_risk_is_a_percentage_and_nothing_else() {
        assert_eq!("5%".parse::<Risk>().map(|risk| risk.to_string()), Ok("5 %".to_owned()));
        assert_eq!("0.1%".parse::<Risk>().map(Risk::share), Ok(0.001));
        for (text, said) in [
            ("0%", "a risk of nothing"),
            ("100%", "asks for nothing"),
            ("5 %", "write `5%`"),
            ("0.05", "is written 5%"),
            ("5", "expected a percentage"),
            ("-1%", "expected a percentage"),
            ("NaN%", "expected a percentage"),
            ("%", "expected a percentage"),
            ("1e-9%", "expected a percentage"),
            ("0.00001%", "least risk"),
        ] {
            let error = text.parse::<Risk>().unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
