//! A run's folder on the disk: reading it, writing it so that nothing is lost, joining several, and checking one.
//!
//! [`files`] is the list of what a run's folder holds. [`disk`] opens files and puts them in their place; [`csv_file`] writes and reads the rows that `ttlsweep_record` declares;
//! [`environment`] is the run's `environment.json`. [`mend`] repairs what a killed process left; [`planned`] is what a dry run leaves; [`stops`] is where a run ended before its plan; [`merge`] joins the folders of several processes into one, and
//! [`verify`] says whether a folder is whole and consistent. Runner and report stand on this crate; neither knows the other.

pub mod csv_file;
pub mod dictionary;
pub mod disk;
pub mod environment;
pub mod files;
pub mod mend;
pub mod merge;
pub mod planned;
pub mod stops;
pub mod verify;
