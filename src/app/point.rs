//! The mouse: what was hit comes from the picture (`view::message`), what follows is decided here.

use super::{
    App, Cmd,
    action::Action,
    overlay::Overlay,
    place::{Part, Tab},
};
use crate::domain::Time;

/// What the mouse did, and to what.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// What.
    pub act: PointAct,
    /// The thing under the pointer; `None` where there is nothing.
    pub target: Option<Target>,
}

/// What the mouse did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointAct {
    /// Left button down.
    Press,
    /// Wheel, lines: down is positive.
    Wheel(i32),
}

/// Something in the picture that can be hit.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A tab.
    Tab(Tab),
    /// A step of the breadcrumb, from 0.
    Crumb(usize),
    /// An item of a part.
    Item(Part, usize),
    /// The ground of a part.
    Part(Part),
    /// A column of a chart: the instant in its middle.
    Moment(Time),
    /// A hint.
    Action(Action),
    /// A line of the list on top.
    Line(usize),
    /// The box on top, but none of its lines.
    Overlay,
}

impl App {
    /// Take what the mouse did.
    pub(super) fn point(&mut self, point: &Point) -> Vec<Cmd> {
        match point.act {
            PointAct::Wheel(lines) => self.wheel(lines, point.target.as_ref()),
            PointAct::Press if self.overlay == Overlay::None => self.press(point.target.as_ref()),
            PointAct::Press => self.press_on_top(point.target.as_ref()),
        }
    }

    fn press(&mut self, target: Option<&Target>) -> Vec<Cmd> {
        match target {
            Some(Target::Tab(tab)) => self.perform(Action::Go(*tab)),
            Some(Target::Crumb(depth)) => {
                self.up_to(*depth);
                Vec::new()
            }
            Some(Target::Item(part, index)) => {
                if self.level().part() == *part && self.selected_index(*part) == *index {
                    return self.perform(Action::Open);
                }
                self.select(*part, *index);
                Vec::new()
            }
            Some(Target::Part(part)) => {
                self.level_mut().focus_on(*part);
                Vec::new()
            }
            Some(Target::Moment(at)) => {
                self.level_mut().focus_on(Part::Chart);
                self.cross = Some(*at);
                Vec::new()
            }
            Some(Target::Action(action)) => self.perform(*action),
            Some(Target::Line(_) | Target::Overlay) | None => Vec::new(),
        }
    }

    fn press_on_top(&mut self, target: Option<&Target>) -> Vec<Cmd> {
        match target {
            Some(Target::Line(index)) => {
                if let Some(at) = self.overlay.at_mut() {
                    *at = *index;
                }
                self.accept()
            }
            Some(Target::Overlay) => Vec::new(),
            _ => {
                self.cancel();
                Vec::new()
            }
        }
    }

    fn wheel(&mut self, lines: i32, target: Option<&Target>) -> Vec<Cmd> {
        if self.overlay == Overlay::None
            && let Some(Target::Item(part, _) | Target::Part(part)) = target
        {
            self.level_mut().focus_on(*part);
        }
        let action = if lines > 0 { Action::Down } else { Action::Up };
        (0..lines.unsigned_abs().min(20)).flat_map(|_| self.step(action)).collect()
    }
}
