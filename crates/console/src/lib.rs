//! What every program of ttlsweep does alike at its terminal: it prints through [`mod@say`] alone, ends with the codes of
//! [`exit`], leaves the [`signals`] that it was started without, and has [`pages`] for shells and for `man`. It begins
//! only if there is [`room`] for it.

pub mod board;
pub mod exit;
mod obeyed;
pub mod pages;
pub mod room;
pub mod say;
pub mod signals;
mod version;
mod voice;

pub use version::version;
