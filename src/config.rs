//! Configuration: one TOML file, read and checked as a whole before anything starts.
//!
//! Knows no kind of source: a `[[source]]` block keeps its kind's own keys for `sources` to read. Every fault is
//! listed with file, line, column and what was expected. Secrets are references (`secret`), never text.

mod check;
mod defined;
mod openslo;
pub mod period;
mod raw;
mod read;
mod roster;
pub mod schema;
pub mod secret;
mod slo;
mod target;

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

pub use check::{RANGES, THEMES};
pub use slo::SLIS;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::domain::{Decimal, care::Care, defined::Catalogue, objective::Objective, slo::Slo, team::Roster, window::Tz};

/// A whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it came from; `None` for the built-in zero config.
    pub path: Option<PathBuf>,
    /// Name on the screen.
    pub org: String,
    /// Zone of buckets and shown times.
    pub zone: Tz,
    /// Reporting currency.
    pub currency: String,
    /// Teams, services, owners as configured.
    pub roster: Roster,
    /// Settings of derivation.
    pub rules: RulesConfig,
    /// Sources in file order.
    pub sources: Vec<SourceConfig>,
    /// Per metric id: target and care.
    pub kpis: BTreeMap<String, Care>,
    /// The metrics there are: built in, and of `[[metric]]` blocks.
    pub catalogue: Catalogue,
    /// Service level objectives, in file order; one of a team has no services yet.
    pub slos: Vec<Slo>,
    /// Objectives, in file order.
    pub objectives: Vec<Objective>,
    /// Exchange rates: (currency, `YYYY-MM`) → units of reporting currency.
    pub fx: BTreeMap<(String, String), Decimal>,
    /// Tag keys and shared pools of cost allocation.
    pub allocation: AllocationConfig,
    /// Store file and retention.
    pub store: StoreConfig,
    /// Screen preferences.
    pub ui: UiConfig,
}

/// Settings of derivation and formulas; absent keys take domain.md's defaults.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, clippy::struct_excessive_bools, reason = "independent switches, same names as ledger::Rules and kpi::Settings")]
pub struct RulesConfig {
    pub link_window: Duration,
    pub production: Vec<String>,
    pub hotfix_patterns: Vec<String>,
    pub include_bots: bool,
    pub per_commit: bool,
    pub recovery_from_impact: bool,
    pub reopened_elapsed: bool,
    pub count_failed_attempts: bool,
    pub uptime_unknown: String,
    pub exclude_maintenance: bool,
    pub quality_stale_after: Duration,
    pub cost_exclude: Vec<String>,
    pub new_product_months: u32,
    pub ltv_horizon_months: Option<u32>,
    pub documentation: String,
}

impl Default for RulesConfig {
    fn default() -> Self {
        Self {
            link_window: Duration::from_secs(86_400),
            production: vec!["production".into()],
            hotfix_patterns: vec!["hotfix".into()],
            include_bots: false,
            per_commit: false,
            recovery_from_impact: false,
            reopened_elapsed: false,
            count_failed_attempts: false,
            uptime_unknown: "exclude".into(),
            exclude_maintenance: true,
            quality_stale_after: Duration::from_secs(30 * 86_400),
            cost_exclude: Vec::new(),
            new_product_months: 36,
            ltv_horizon_months: None,
            documentation: "units".into(),
        }
    }
}

/// How cost finds its team.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AllocationConfig {
    /// Tag keys naming a team; empty means the built-in ones.
    pub team_tag_keys: Vec<String>,
    /// Pools: tags that must match, and whether they split in proportion (else equally).
    pub shared: Vec<(BTreeMap<String, String>, bool)>,
}

/// One `[[source]]` block: the common part read, the kind's own part kept.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// Unique name.
    pub name: String,
    /// Kind.
    pub kind: String,
    /// Pause between polls; absent: the kind's default.
    pub every: Option<Duration>,
    /// Bound on one poll; absent: 30 s.
    pub timeout: Option<Duration>,
    /// How far back to read at first; absent: the kind's default.
    pub backfill: Option<Duration>,
    /// Switched off.
    pub off: bool,
    /// Put on every record that says nothing itself.
    pub service: Option<String>,
    /// Same.
    pub team: Option<String>,
    /// Same.
    pub env_tier: Option<String>,
    /// Where the block stands, for messages.
    pub line: usize,
    /// The kind's own keys, with the text they came from for line and column of a fault.
    pub own: OwnKeys,
}

/// A kind's own keys and where they stand.
#[derive(Debug, Clone, Default)]
pub struct OwnKeys {
    /// The keys.
    pub table: toml::Table,
    /// File name for messages.
    pub file: String,
    /// The whole file's text, to turn spans into line and column.
    pub text: std::sync::Arc<str>,
    /// Byte span of the block in `text`.
    pub span: std::ops::Range<usize>,
    /// Directory that relative paths are relative to.
    pub dir: PathBuf,
}

/// Where and how long things are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreConfig {
    /// Database file; absent: the platform's data directory.
    pub path: Option<PathBuf>,
    /// Raw samples and probes. Default 48 h.
    pub keep_minutes: Duration,
    /// Hourly buckets. Default 60 d.
    pub keep_hours: Duration,
    /// Event records; `None` means for ever (default).
    pub keep_records: Option<Duration>,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { path: None, keep_minutes: Duration::from_secs(48 * 3600), keep_hours: Duration::from_secs(60 * 86_400), keep_records: None }
    }
}

/// Screen preferences.
#[derive(Debug, Clone, PartialEq)]
pub struct UiConfig {
    /// `auto`, `dark`, `light`, `high-contrast`, `colour-blind`, `mono`.
    pub theme: String,
    /// Only ASCII.
    pub ascii: bool,
    /// Mouse on.
    pub mouse: bool,
    /// First range.
    pub range: String,
    /// Action name → key.
    pub keys: BTreeMap<String, String>,
}

impl Default for UiConfig {
    fn default() -> Self {
        Self { theme: "auto".into(), ascii: false, mouse: true, range: "28d".into(), keys: BTreeMap::new() }
    }
}

/// One thing wrong in a config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// File.
    pub file: String,
    /// From 1; 0 when it is about the whole file.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What is wrong and what was expected.
    pub message: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}", self.file, self.message)
        } else {
            write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
        }
    }
}

impl OwnKeys {
    /// Read the kind's own keys into its settings struct (`#[serde(deny_unknown_fields)]`).
    ///
    /// # Errors
    /// Every fault, with line and column of the offending key.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, Vec<Fault>> {
        let place = read::Place { file: &self.file, text: &self.text };
        let mut faults = Vec::new();
        let root;
        let value = if self.text.is_empty() {
            // Made in memory, not from a file: the faults are right, their places are not.
            root = toml::to_string(&self.table).unwrap_or_default();
            let table = DeTable::parse_recoverable(&root).0;
            read::read(read::Place { file: &self.file, text: &root }, table, &raw::SOURCE_KEYS, &mut faults)
        } else {
            read::read(place, self.block(), &raw::SOURCE_KEYS, &mut faults)
        };
        faults.sort_by_key(|f| (f.line, f.column));
        match value {
            Some(value) if faults.is_empty() => Ok(value),
            _ => Err(faults),
        }
    }

    /// A fault of this block that is not about a single key: at the head of the block.
    #[must_use]
    pub fn fault(&self, message: impl Into<String>) -> Fault {
        read::Place { file: &self.file, text: &self.text }.fault(self.span.start, message)
    }

    /// A fault at the value of one of the own keys (of the block's first level), else at the head of the block.
    #[must_use]
    pub fn fault_at(&self, key: &str, message: impl Into<String>) -> Fault {
        let at = self.block().get_ref().get(key).map_or(self.span.start, |value| value.span().start);
        read::Place { file: &self.file, text: &self.text }.fault(at, message)
    }

    /// A path as written in the block: relative to the config file's directory, `~/` is the home directory.
    #[must_use]
    pub fn path(&self, text: &str) -> PathBuf {
        relative_to(&self.dir, text)
    }

    /// The block with its places, without the common keys.
    fn block(&self) -> Spanned<DeTable<'_>> {
        let mut root = DeTable::parse_recoverable(&self.text).0;
        let Some(DeValue::Array(blocks)) = root.get_mut().remove("source").map(Spanned::into_inner) else {
            return Spanned::new(self.span.clone(), DeTable::new());
        };
        let mut own = DeTable::new();
        for block in blocks {
            if block.span() == self.span
                && let DeValue::Table(table) = block.into_inner()
            {
                own = table;
            }
        }
        for key in raw::SOURCE_KEYS {
            own.remove(key);
        }
        Spanned::new(self.span.clone(), own)
    }
}

/// A path as written in a config file.
pub(crate) fn relative_to(dir: &Path, text: &str) -> PathBuf {
    match (text.strip_prefix("~/"), directories::BaseDirs::new()) {
        (Some(rest), Some(home)) => home.home_dir().join(rest),
        _ => dir.join(text),
    }
}

/// A config file larger than this is not read.
pub const MAX_BYTES: u64 = 1 << 20;

impl Config {
    /// Read and check a file.
    ///
    /// # Errors
    /// Every fault found, in file order; one without a line when the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, Vec<Fault>> {
        let file = path.display().to_string();
        let whole = |message: String| vec![Fault { file: file.clone(), line: 0, column: 0, message }];
        let unreadable = |e: std::io::Error| whole(format!("cannot read the config file: {e}"));
        let mut bytes = Vec::new();
        std::fs::File::open(path).and_then(|f| f.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(whole("the config file is larger than 1 MiB; is it the right file?".into()));
        }
        let text = String::from_utf8(bytes).map_err(|e| {
            let good = e.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(&e.as_bytes()[..good]).into_owned();
            vec![read::Place { file: &file, text: &text }.fault(good, "not UTF-8 text; save the file as UTF-8")]
        })?;
        let dir = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        Self::parse(&text, &file, dir).map(|config| Self { path: Some(path.to_owned()), ..config })
    }

    /// Read and check a file's text. `file` names it in messages; relative paths are relative to `dir`.
    ///
    /// # Errors
    /// Every fault found, in file order.
    pub fn parse(text: &str, file: &str, dir: &Path) -> Result<Self, Vec<Fault>> {
        let mut check = check::Check { place: read::Place { file, text }, dir, faults: Vec::new(), catalogue: Catalogue::default() };
        let config = check.config(None);
        let mut faults = check.faults;
        faults.sort_by_key(|f| (f.line, f.column));
        faults.dedup();
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            _ => Err(faults),
        }
    }

    /// The config of someone who has none: the git repository at `dir`, named `repository`.
    #[must_use]
    pub fn zero(dir: &Path, repository: &str) -> Self {
        Self {
            path: None,
            org: crate::domain::text::clean(repository),
            zone: Tz::UTC,
            currency: "USD".into(),
            roster: Roster::default(),
            rules: RulesConfig::default(),
            sources: vec![SourceConfig {
                name: "git".into(),
                kind: "git".into(),
                every: None,
                timeout: None,
                backfill: None,
                off: false,
                service: None,
                team: None,
                env_tier: None,
                line: 0,
                own: OwnKeys { file: "zero config".into(), dir: dir.to_owned(), ..OwnKeys::default() },
            }],
            kpis: BTreeMap::new(),
            catalogue: Catalogue::default(),
            slos: Vec::new(),
            objectives: Vec::new(),
            fx: BTreeMap::new(),
            allocation: AllocationConfig::default(),
            store: StoreConfig::default(),
            ui: UiConfig::default(),
        }
    }
}
