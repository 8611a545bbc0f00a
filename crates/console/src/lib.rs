//! What every program of ttlsweep does alike at its terminal: it prints through [`mod@say`] alone, and leaves the
//! [`signals`] that it was started without.

pub mod say;
pub mod signals;
