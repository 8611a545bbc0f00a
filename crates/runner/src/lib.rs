//! From a question to rows: the experiment file, the plan, the trials, the traced transfers, the CSV.
//!
//! Start with [`cmd`], where each command reads as a list of steps. The data goes one way:
//!
//! - [`experiment`] reads the TOML file into validated [cells](ttlsweep_record::Cell); [`plan`] orders their trials;
//!   [`estimate`] says what that will take. None of them touches the network.
//! - [`target`] opens the endpoints that the cells name: [`store`] signs and asks (the AWS SDK), and the testbed is started
//!   where a cell wants it.
//! - [`sweep`] runs the plan's trials, [`trial`] one of them with all its users, [`transfer`] one request.
//! - [`dial`] opens a connection through the layers of [`wire`], which note what passes and judge nothing.
//!   `transfer::judge` says what happened, from those notes.
//! - [`files`] writes the rows as they happen, into a [`run_folder`].
//!
//! Clock ([`clock`]), randomness (the plan's seed) and network (the streams of [`wire`]) are passed in.

pub mod body;
pub mod cleanup;
pub mod cli;
pub mod clock;
pub mod clock_offset;
pub mod clock_probe;
pub mod clock_watch;
pub mod cmd;
pub mod dial;
pub mod doctor;
pub mod endpoint;
pub mod errno;
pub mod estimate;
pub mod exit;
pub mod experiment;
pub mod files;
pub mod har;
pub mod kernel;
pub mod lag;
pub mod link;
pub mod machine;
pub mod object_key;
pub mod plan;
pub mod portion;
pub mod progress;
pub mod run_folder;
pub mod s3_error;
pub mod secret;
pub mod stop;
pub mod store;
pub mod sweep;
pub mod tape;
pub mod target;
pub mod transfer;
pub mod trial;
pub mod usage;
pub mod wall_steps;
pub mod waterfall;
pub mod wire;
