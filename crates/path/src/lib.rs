//! A real bottleneck on one machine: a slow line with a queue between two network namespaces, with the kernel's own TCP at both
//! ends.
//!
//! - [`queue`] is the line as arithmetic, and `codel` one of its disciplines. They know no clock, no chance and no system.
//! - `sides` makes the namespaces, each with a TUN device; `system` is what Linux is asked for that the standard library does not
//!   have; `refused` says what to do if it refuses.
//! - [`pump`] moves packets from one device to the other through a [`queue::Line`] in each direction. There can be several such
//!   pairs of lines: the far side has an address for each.
//! - `tbf` has the kernel's own filter make the line instead, by the programs `ip` and `tc`.
//! - [`run`] runs a command at the near side, and a server at the far one, and ends both.
//! - [`far`] is how a program at the near side listens at the far one, and what it may know of the line.
//!
//! The queue stands behind the devices, not on a sender's interface: a sender's kernel knows how much of a connection waits in
//! its own interface, and holds the rest back. What it gave to a TUN device it counts as gone.

pub mod cli;
mod codel;
pub mod far;
#[cfg(target_os = "linux")]
pub mod pump;
pub mod queue;
#[cfg(target_os = "linux")]
mod refused;
#[cfg(target_os = "linux")]
pub mod run;
#[cfg(target_os = "linux")]
mod sides;
#[cfg(target_os = "linux")]
mod system;
#[cfg(target_os = "linux")]
pub mod tbf;
