//! How a program at the near side of a path listens at the far one: by two variables of its environment.

use std::fs::File;
use std::io;
use std::net::IpAddr;

use ttlsweep_record::BitRate;

/// The variable with the far side's address.
pub const ADDRESS: &str = "TTLSWEEP_FAR_ADDRESS";

/// The variable with the file that is the far side's network namespace.
pub const NAMESPACE: &str = "TTLSWEEP_FAR_NAMESPACE";

/// The variable with the path's options, by which it can be made again.
pub const LINE: &str = "TTLSWEEP_PATH";

/// The variable with the rate of the way there, in bits a second.
pub const RATE: &str = "TTLSWEEP_PATH_BPS";

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

    #[test]
    fn a_process_on_no_path_finds_none_and_a_path_that_is_gone_is_an_error() {
        assert!(Far::find(|_| None).unwrap().is_none());
        let gone = |name: &str| Some(if name == ADDRESS { "10.77.0.2" } else { "/proc/0/fd/0" }.to_owned());
        let error = Far::find(gone).unwrap_err().to_string();
        assert!(error.contains(NAMESPACE), "{error}");
        assert_eq!(rate(|_| None), None);
        assert_eq!(rate(|name| (name == RATE).then(|| "6000000".to_owned())), BitRate::new(6_000_000));
    }
}
