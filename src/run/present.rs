//! How the screen starts: what the configuration, the options and the terminal say together.

use super::args::Live;
use crate::{
    app::{Depth, Preferences, Setup, action::Keymap},
    config::Config,
    domain::Time,
    kpi::{
        board::{Look, Range},
        library::Library,
    },
};

/// The screen's setup; options win over the configuration.
///
/// # Errors
/// When the built-in texts cannot be read.
pub fn setup(config: &Config, live: &Live, depth: Depth, size: (u16, u16), now: Time) -> Result<Setup, String> {
    let range = live.range.or_else(|| Range::find(&config.ui.range)).unwrap_or(Range::DEFAULT);
    Ok(Setup {
        org: config.org.clone(),
        zone: config.zone,
        look: Look { range, ..Look::default() },
        theme: live.theme.clone().unwrap_or_else(|| config.ui.theme.clone()),
        depth,
        ascii: live.ascii || config.ui.ascii || !unicode(),
        mouse: config.ui.mouse && !live.no_mouse,
        keys: config.ui.keys.clone(),
        library: Library::builtin()?.with(&config.catalogue),
        now,
        size,
    })
}

/// What of a configuration read again concerns the picture; options still win.
///
/// # Errors
/// Two actions on one key, or a key or action that is none.
pub fn preferences(config: &Config, live: &Live) -> Result<Preferences, String> {
    Ok(Preferences {
        theme: live.theme.clone().unwrap_or_else(|| config.ui.theme.clone()),
        ascii: live.ascii || config.ui.ascii || !unicode(),
        mouse: config.ui.mouse && !live.no_mouse,
        keymap: Keymap::build(&config.ui.keys)?,
    })
}

/// Colours of this terminal, by what it says of itself.
#[must_use]
pub fn depth() -> Depth {
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    depth_of(&var("NO_COLOR"), &var("COLORTERM"), &var("TERM"))
}

fn depth_of(no_color: &str, colorterm: &str, term: &str) -> Depth {
    if !no_color.is_empty() || term == "dumb" || term.ends_with("-m") || term.starts_with("vt1") || term.starts_with("vt2") {
        Depth::Mono
    } else if matches!(colorterm, "truecolor" | "24bit") || term.ends_with("-direct") {
        Depth::True
    } else {
        Depth::Sixteen
    }
}

/// Whether characters beyond ASCII reach the screen: not when a locale is set and is not UTF-8, and not on the kernel's
/// own console, whose fonts have no braille.
fn unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(|n| std::env::var(n).ok()).find(|v| !v.is_empty());
    let console = std::env::var("TERM").is_ok_and(|t| t == "linux");
    !console && locale.is_none_or(|l| l.to_ascii_lowercase().replace('-', "").ends_with("utf8") || l.to_ascii_lowercase().contains("utf8@"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_follow_what_the_terminal_says() {
        assert_eq!(depth_of("", "truecolor", "xterm-256color"), Depth::True);
        assert_eq!(depth_of("", "", "xterm-256color"), Depth::Sixteen);
        assert_eq!(depth_of("1", "truecolor", "xterm-256color"), Depth::Mono);
        assert_eq!(depth_of("", "", "vt220"), Depth::Mono);
    }
}
