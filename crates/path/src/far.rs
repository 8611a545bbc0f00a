//! How a program at the near side of a path listens at the far one: by variables of its environment.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

use ttlsweep_record::BitRate;

use crate::cli::LineOptions;

/// The variable with the far side's address.
pub const ADDRESS: &str = "TTLSWEEP_FAR_ADDRESS";

/// The variable with the file that is the far side's network namespace.
pub const NAMESPACE: &str = "TTLSWEEP_FAR_NAMESPACE";

/// The variable with each line's address at the far side and its options, a line of text for each.
pub const LINES: &str = "TTLSWEEP_PATH_LINES";

/// The variable with the path's options, by which it can be made again.
pub const LINE: &str = "TTLSWEEP_PATH";

/// The variable with the rate of the way there, in bits a second.
pub const RATE: &str = "TTLSWEEP_PATH_BPS";

/// The far side's address by which a line is taken: the first one's, and one for each of those beside it.
pub(crate) fn address(line: usize) -> Ipv4Addr {
    match u8::try_from(line) {
        Ok(0) | Err(_) => Ipv4Addr::new(10, 77, 0, 2),
        Ok(line) => Ipv4Addr::new(10, 77, 1, line),
    }
}

/// The line that leads to an address of the far side; `None` for any other address.
#[cfg(target_os = "linux")]
pub(crate) fn line_to(far: [u8; 4]) -> Option<usize> {
    let line = if far == address(0).octets() { 0 } else { usize::from(far[3]) };
    (address(line).octets() == far).then_some(line)
}

/// What [`LINES`] has.
#[cfg(target_os = "linux")]
pub(crate) fn lines_text<'a>(lines: impl Iterator<Item = &'a LineOptions>) -> String {
    lines.enumerate().map(|(line, options)| format!("{} {options}\n", address(line))).collect()
}

/// The lines of the path that this process is on, each with its address at the far side; none if it is on no path.
pub fn lines(variable: impl Fn(&str) -> Option<String>) -> Vec<(IpAddr, LineOptions)> {
    let text = variable(LINES).unwrap_or_default();
    let read = |line: &str| {
        let (address, options) = line.split_once(' ')?;
        Some((address.parse().ok()?, options.parse().ok()?))
    };
    text.lines().filter_map(read).collect()
}

/// The rate of the way to the far side; `None` if this process is on no path.
pub fn rate(variable: impl Fn(&str) -> Option<String>) -> Option<BitRate> {
    variable(RATE)?.parse().ok().and_then(BitRate::new)
}

/// The far side of the path that this process is at the near side of.
#[derive(Debug)]
pub struct Far {
    /// Its address.
    pub address: IpAddr,
    namespace: File,
}

impl Far {
    /// Looks it up; `None` if this process is on no path. `variable` looks up a variable of the environment.
    ///
    /// # Errors
    /// The variables are there, and what they name is not.
    pub fn find(variable: impl Fn(&str) -> Option<String>) -> io::Result<Option<Self>> {
        let (Some(address), Some(namespace)) = (variable(ADDRESS), variable(NAMESPACE)) else { return Ok(None) };
        let wrong = |error: &dyn std::fmt::Display, name: &str| {
            io::Error::other(format!("{name} is set, and there is no such path (any more): {error}"))
        };
        let address = address.parse().map_err(|error: std::net::AddrParseError| wrong(&error, ADDRESS))?;
        let namespace = File::open(&namespace).map_err(|error| wrong(&error, NAMESPACE))?;
        Ok(Some(Self { address, namespace }))
    }

    /// Moves this thread to the far side: what it opens and starts from then on is there.
    ///
    /// # Errors
    /// The system refuses it.
    pub fn enter(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        return crate::system::enter_network(&self.namespace);
        #[cfg(not(target_os = "linux"))]
        return Err(io::Error::new(io::ErrorKind::Unsupported, format!("{:?} is of no use here", self.namespace)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::MOST_LINES;

    #[test]
    fn a_process_on_no_path_finds_none_and_a_path_that_is_gone_is_an_error() {
        assert!(Far::find(|_| None).unwrap().is_none());
        let gone = |name: &str| Some(if name == ADDRESS { "10.77.0.2" } else { "/proc/0/fd/0" }.to_owned());
        let error = Far::find(gone).unwrap_err().to_string();
        assert!(error.contains(NAMESPACE), "{error}");
        assert!(lines(|_| None).is_empty());
        assert_eq!(rate(|_| None), None);
        assert_eq!(rate(|name| (name == RATE).then(|| "6000000".to_owned())), BitRate::new(6_000_000));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn each_line_is_found_by_an_address_of_its_own() {
        let addresses: std::collections::HashSet<_> = (0..MOST_LINES).map(address).collect();
        assert_eq!(addresses.len(), MOST_LINES);
        assert!((0..MOST_LINES).all(|line| line_to(address(line).octets()) == Some(line)));
        assert_eq!([[10, 77, 0, 1], [10, 77, 1, 0], [10, 77, 2, 1]].map(line_to), [None; 3]);

        let made = ["--rate 6Mbit/s --queue 3MB --delay 0ms", "--rate 1Mbit/s --queue 64kB --delay 5ms --loss 1%"];
        let made: Vec<LineOptions> = made.iter().map(|options| options.parse().unwrap()).collect();
        let found = lines(|name| (name == LINES).then(|| lines_text(made.iter())));
        assert_eq!(found, made.into_iter().enumerate().map(|(n, line)| (address(n).into(), line)).collect::<Vec<_>>());
    }
}
