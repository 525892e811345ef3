//! Names as numbers: sources, services and repositories are written once and referred to by number.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{Connection, params};

/// What a name names; spaces keep a service and a repository of one name apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    Source = 0,
    Service = 1,
    Repo = 2,
}

impl Space {
    fn from_code(code: i64) -> Self {
        match code {
            0 => Self::Source,
            1 => Self::Service,
            _ => Self::Repo,
        }
    }
}

/// The dictionary, held in memory: hundreds of names, thousands at most.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// By space.
    ids: [HashMap<Arc<str>, i64>; 3],
    texts: HashMap<i64, (Space, Arc<str>)>,
}

impl Names {
    pub(super) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let mut names = Self::default();
        let mut all = conn.prepare_cached("SELECT id, space, text FROM name")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            names.put(row.get(0)?, Space::from_code(row.get(1)?), Arc::from(row.get_ref(2)?.as_str()?));
        }
        Ok(names)
    }

    fn put(&mut self, id: i64, space: Space, text: Arc<str>) {
        self.texts.insert(id, (space, Arc::clone(&text)));
        self.ids[space as usize].insert(text, id);
    }

    pub(super) fn find(&self, space: Space, text: &str) -> Option<i64> {
        self.ids[space as usize].get(text).copied()
    }

    /// The number of a name, given one when it is new.
    pub(super) fn id(&mut self, conn: &Connection, space: Space, text: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.find(space, text) {
            return Ok(id);
        }
        conn.prepare_cached("INSERT INTO name (space, text) VALUES (?1, ?2)")?.execute(params![space as i64, text])?;
        let id = conn.last_insert_rowid();
        self.put(id, space, Arc::from(text));
        Ok(id)
    }

    /// The largest number given so far.
    pub(super) fn newest(&self) -> i64 {
        self.texts.keys().copied().max().unwrap_or(0)
    }

    pub(super) fn text(&self, id: i64) -> Option<&Arc<str>> {
        self.texts.get(&id).map(|(_, text)| text)
    }

    /// The text when the number names something of that space.
    pub(super) fn text_in(&self, space: Space, id: i64) -> Option<&Arc<str>> {
        self.texts.get(&id).filter(|(s, _)| *s == space).map(|(_, text)| text)
    }

    /// All texts of a space, sorted.
    pub(super) fn all(&self, space: Space) -> Vec<String> {
        let mut all: Vec<String> = self.ids[space as usize].keys().map(ToString::to_string).collect();
        all.sort();
        all
    }

    /// Numbers of every service and repository.
    pub(super) fn homes(&self) -> impl Iterator<Item = i64> + '_ {
        self.texts.iter().filter(|(_, (space, _))| *space != Space::Source).map(|(id, _)| *id)
    }
}
