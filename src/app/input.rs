//! Keys, pastes and sizes of the terminal: who has the keys (a text field, what lies on top, the keymap) and what follows.
//! Must not do what an action does: that is `perform`.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEventKind};

use super::{
    App, Cmd,
    action::{self, Action},
    filter::Filter,
    key::Chord,
    overlay::Overlay,
};
use crate::kpi::board::RANGES;

impl App {
    pub(super) fn input(&mut self, event: Event) -> Vec<Cmd> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key),
            Event::Paste(text) => {
                if let Some(line) = self.overlay.line_mut() {
                    line.push(&text);
                    self.typed();
                }
                Vec::new()
            }
            Event::Resize(columns, rows) => {
                self.size = (columns, rows);
                Vec::new()
            }
            Event::Mouse(mouse) => match mouse.kind {
                MouseEventKind::ScrollDown => self.step(Action::Down),
                MouseEventKind::ScrollUp => self.step(Action::Up),
                _ => Vec::new(),
            },
            Event::Key(_) | Event::FocusGained | Event::FocusLost => Vec::new(),
        }
    }

    fn key(&mut self, key: KeyEvent) -> Vec<Cmd> {
        self.notice = None;
        let chord = Chord::of(key);
        if chord == action::control_c() {
            return vec![Cmd::Quit { leave_frame: false }];
        }
        let bound = self.keymap.action(chord);
        if let Some(action @ (Action::Suspend | Action::Redraw)) = bound {
            return self.perform(action);
        }
        if self.overlay.line_mut().is_some() {
            return self.key_while_typing(key);
        }
        match (&self.overlay, bound) {
            (Overlay::None, Some(action)) if (action::find(action).works)(self) => self.perform(action),
            (Overlay::None, _) => Vec::new(),
            _ => self.key_on_top(key, bound),
        }
    }

    /// A text field has the keys: nothing global fires.
    fn key_while_typing(&mut self, key: KeyEvent) -> Vec<Cmd> {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => self.cancel(),
            KeyCode::Enter => return self.accept(),
            KeyCode::Up => return self.step(Action::Up),
            KeyCode::Down => return self.step(Action::Down),
            KeyCode::Char('p') if ctrl => return self.step(Action::Up),
            KeyCode::Char('n') if ctrl => return self.step(Action::Down),
            KeyCode::PageUp => return self.perform(Action::PageUp),
            KeyCode::PageDown => return self.perform(Action::PageDown),
            KeyCode::Home => return self.perform(Action::First),
            KeyCode::End => return self.perform(Action::Last),
            KeyCode::Char('g') if matches!(&self.overlay, Overlay::GoTo { line, .. } if line.0.is_empty()) => {
                // fingers that know `gg` mean the first item
                self.overlay = Overlay::None;
                return self.perform(Action::First);
            }
            _ => {
                if self.overlay.line_mut().is_some_and(|line| line.take(key)) {
                    self.typed();
                }
            }
        }
        Vec::new()
    }

    /// What follows from a changed text field.
    fn typed(&mut self) {
        if let Some(at) = self.overlay.at_mut() {
            *at = 0;
        }
        match &mut self.overlay {
            Overlay::GoTo { fault, .. } => *fault = None,
            Overlay::Filter { line, .. } => {
                let filter = Filter::typed(&line.0);
                self.level_mut().filter = filter;
            }
            _ => {}
        }
    }

    /// A menu or text without a field has the keys.
    fn key_on_top(&mut self, key: KeyEvent, bound: Option<Action>) -> Vec<Cmd> {
        if let (Overlay::Ranges { .. }, KeyCode::Char(digit @ '1'..='9')) = (&self.overlay, key.code) {
            let index = digit as usize - '1' as usize;
            if index < RANGES.len() {
                self.overlay = Overlay::Ranges { at: index };
                return self.accept();
            }
        }
        match (key.code, bound) {
            (KeyCode::Enter, _) => self.accept(),
            (_, Some(action)) if action.moves() => self.perform(action),
            (KeyCode::Esc, _) | (_, Some(Action::Back | Action::Quit | Action::Range | Action::Definition)) => {
                self.cancel();
                Vec::new()
            }
            _ => Vec::new(),
        }
    }
}
