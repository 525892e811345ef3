//! What lies on top of the page and owns the keys while it does: text fields, menus, the definition.

use super::filter::{Filter, Line};
use crate::domain::metric::Metric;

/// At most one thing on top, so that exactly one owner has the keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Overlay {
    /// Nothing: keys are actions.
    #[default]
    None,
    /// The filter being typed in the last line; what it was is kept for Esc.
    Filter {
        /// Typed so far.
        line: Line,
        /// Before.
        before: Filter,
    },
    /// The help, searched as one types.
    Help {
        /// Typed so far.
        line: Line,
        /// Selected row.
        at: usize,
    },
    /// The palette.
    Palette {
        /// Typed so far.
        line: Line,
        /// Selected entry.
        at: usize,
    },
    /// The range menu.
    Ranges {
        /// Selected range.
        at: usize,
    },
    /// A moment being typed.
    GoTo {
        /// Typed so far.
        line: Line,
        /// What was wrong with it.
        fault: Option<String>,
    },
    /// The definition of a metric.
    Definition {
        /// Of which.
        metric: &'static Metric,
        /// First line shown.
        scroll: usize,
    },
}

impl Overlay {
    /// The text field, when it has one: then every plain key is text.
    pub fn line_mut(&mut self) -> Option<&mut Line> {
        match self {
            Self::Filter { line, .. } | Self::Help { line, .. } | Self::Palette { line, .. } | Self::GoTo { line, .. } => Some(line),
            Self::None | Self::Ranges { .. } | Self::Definition { .. } => None,
        }
    }

    /// The cursor of its list, when it has one.
    pub fn at_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::Help { at, .. } | Self::Palette { at, .. } | Self::Ranges { at } => Some(at),
            Self::Definition { scroll, .. } => Some(scroll),
            Self::None | Self::Filter { .. } | Self::GoTo { .. } => None,
        }
    }
}
