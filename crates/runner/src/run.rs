//! A run from its first trial to its last: its folder, the trials, the files it writes, what it deletes.

pub mod cleanup;
pub mod clock_watch;
pub mod files;
pub mod folder;
pub mod progress;
pub mod sweep;
pub mod trial;
