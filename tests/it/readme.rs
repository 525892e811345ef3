//! The README's picture is made from the screen's own code, so it cannot show what the program does not.

use std::{fs, path::Path};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use quarterdeck::{app::Msg, kpi::board::Look, run::snapshot};

use crate::boards::{self, Mood};

const SIZE: (u16, u16) = (120, 36);

/// One tab as a vector picture.
fn picture(tab: char) -> String {
    let mut app = boards::app(SIZE);
    app.update(Msg::Board(boards::board(Mood::Good, &Look::default())));
    app.update(Msg::Health(boards::health(Mood::Good)));
    app.update(Msg::Input(Event::Key(KeyEvent::new(KeyCode::Char(tab), KeyModifiers::NONE))));
    snapshot::svg(&snapshot::picture(&app, SIZE))
}

#[test]
fn the_pictures_of_the_readme_are_what_the_screen_draws() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    for (tab, file) in [('1', "assets/bridge.svg"), ('3', "assets/delivery.svg")] {
        assert!(readme.contains(file), "{file} is not in the README");
        let drawn = picture(tab);
        let path = root.join(file);
        if std::env::var_os("QUARTERDECK_BLESS").is_some() {
            fs::write(&path, &drawn).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == drawn, "{file} is not what the screen draws now; run the test with QUARTERDECK_BLESS=1 and look at it");
    }
}

#[test]
fn the_readme_names_every_kind_of_source_and_every_command() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for kind in quarterdeck::sources::KINDS {
        assert!(readme.contains(&format!("| `{}` |", kind.name)), "kind {} is not in the README's table", kind.name);
    }
    for command in ["check", "kpi", "slo", "events", "explain", "import", "export", "snapshot", "library", "schema", "completions"] {
        assert!(readme.contains(command), "{command}");
    }
}
