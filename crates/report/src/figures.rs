//! What each chart shows, taken from the verdict's own view of a target.

pub(crate) mod collect;
pub(crate) mod draw;
