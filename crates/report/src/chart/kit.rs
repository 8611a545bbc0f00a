//! What every chart is made of: canvas, lettering, plots, panels, colours, captions.

pub(crate) mod canvas;
pub(crate) mod caption;
pub(crate) mod legend;
pub(crate) mod lettering;
pub(crate) mod panels;
pub(crate) mod plot;
pub(crate) mod png;
pub(crate) mod svg;
pub(crate) mod theme;
pub(crate) mod ways;
