//! The command line: what can be typed. One struct per command; help, completions and the README follow from it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

const AFTER: &str = "\
Without a command the live monitor opens; without a configuration file it watches the git repository you stand in.

Exit codes: 0 fine; 1 a check failed; 2 wrong use or configuration; 3 could not be done;
128 + n when the monitor was ended by signal n.

Environment: QUARTERDECK_CONFIG (configuration file), NO_COLOR (no colour), QUARTERDECK_LOG (error, warn, info, debug
or trace: write a log file into the state directory).";

/// A terminal live monitor of engineering KPIs: reliability, delivery, cost, quality, per team, and the rows behind them.
#[derive(Debug, Parser)]
#[command(name = "quarterdeck", version, after_help = AFTER, max_term_width = 110)]
pub struct Cli {
    /// Options every command takes.
    #[command(flatten)]
    pub global: Global,
    /// Options of the live monitor.
    #[command(flatten)]
    pub live: Live,
    /// What to do; nothing: the live monitor.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Where things are.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Configuration file [default: $QUARTERDECK_CONFIG, else config.toml in the platform's configuration directory]
    #[arg(long, global = true, value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// Database file [default: as configured, else in the platform's data directory]
    #[arg(long, global = true, value_name = "PATH")]
    pub store: Option<PathBuf>,
}

/// Options of the live monitor.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct Live {
    /// First range: 1h, 6h, 24h, 7d, 28d, 90d, 1y
    #[arg(long, value_name = "RANGE", value_parser = range)]
    pub range: Option<crate::kpi::board::Range>,
    /// Theme: auto, dark, light, high-contrast, colour-blind, mono
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(THEMES))]
    pub theme: Option<String>,
    /// Only ASCII characters
    #[arg(long)]
    pub ascii: bool,
    /// Leave the mouse to the terminal
    #[arg(long)]
    pub no_mouse: bool,
}

/// Names of themes.
pub const THEMES: [&str; 6] = ["auto", "dark", "light", "high-contrast", "colour-blind", "mono"];

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check the configuration, and reach every source once
    Check(Check),
    /// KPI values, from the store
    Kpi(Kpi),
    /// Why a KPI moved: contributions that add up, the guard's verdict, what happened just before
    Why(Why),
    /// The quarterly review: which metrics stand still, jump, lack an owner, or are past their review
    Review(Review),
    /// Service level objectives: budgets, burn rates, alerts; exit code 1 when a page fires, a budget is overspent, or data stays away
    Slo(Slo),
    /// Deployments, changes, incidents as rows
    Events(Events),
    /// How a record was attributed, linked and classified, or how a KPI or an objective came about
    Explain(Explain),
    /// Take files into the store: canonical JSON lines, FOCUS bills, coverage, JUnit, SARIF
    Import(Import),
    /// Everything in the store as canonical JSON lines
    Export(Export),
    /// One frame of the screen, without a terminal
    Snapshot(Snapshot),
    /// The metric library: definition, formula, inputs, drivers; or the kinds of source
    Library(Library),
    /// JSON Schema of the configuration or of the record lines
    Schema(Schema),
    /// Completions for a shell
    Completions(Completions),
}

/// `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Validate only; reach nothing
    #[arg(long)]
    pub offline: bool,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub format: TextJson,
}

/// `kpi`.
#[derive(Debug, Args)]
pub struct Kpi {
    /// Metric ids; a short form (`lead_time`) means the metric with all its facets [default: all]
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Form of the answer; json is one object per line
    #[arg(long, value_enum, default_value_t)]
    pub format: TableFormat,
    /// Span of time
    #[command(flatten)]
    pub span: Span,
    /// Only this team, or `all` for every team
    #[arg(long, value_name = "TEAM")]
    pub team: Option<String>,
    /// Only this service, or `all` for every service
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<String>,
    /// Also the like-for-like span before, and whether the change passes the noise guard
    #[arg(long)]
    pub compare: bool,
}

/// A span of time, half-open.
#[derive(Debug, Clone, Default, Args)]
pub struct Span {
    /// Start, included: RFC 3339 time, or a date (midnight in the configured zone)
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// End, excluded
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Length of the span when --from is not given: 1h … 1y, or any number of h, d, w [default: 28d]
    #[arg(long, value_name = "RANGE", conflicts_with = "from")]
    pub range: Option<String>,
    /// Show what was so at that moment: the span ends there, and nothing later is looked at
    #[arg(long, value_name = "TIME", conflicts_with_all = ["to", "as_of"])]
    pub at: Option<String>,
    /// Evaluation instant: what happened later is not looked at [default: the end of the span, or now]
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<String>,
}

/// `why`.
#[derive(Debug, Args)]
pub struct Why {
    /// Metric id
    #[arg(value_name = "ID")]
    pub id: String,
    /// Only this dimension: team, service, change_type, severity, weekday, any label… [default: all, the best first]
    #[arg(long, value_name = "DIMENSION")]
    pub by: Option<String>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub format: TextJson,
    /// The same as --format json
    #[arg(long)]
    pub json: bool,
    /// Span of time; it is compared with the like span before it
    #[command(flatten)]
    pub span: Span,
    /// Of this team
    #[arg(long, value_name = "TEAM", conflicts_with = "service")]
    pub team: Option<String>,
    /// Of this service
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<String>,
}

/// `review`.
#[derive(Debug, Args)]
pub struct Review {
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub format: TextJson,
    /// As of this moment [default: now]
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<String>,
}

/// `slo`.
#[derive(Debug, Args)]
pub struct Slo {
    /// Only this objective
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Form of the answer; json is one object per line, with who spent the budget
    #[arg(long, value_enum, default_value_t)]
    pub format: TableJson,
    /// As it was at that moment
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}

/// `events`.
#[derive(Debug, Args)]
pub struct Events {
    /// Only these kinds (deployment, change, incident, …) [default: deployment, change, incident]
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<String>,
    /// Only attributed to this team (or a team below it)
    #[arg(long, value_name = "TEAM")]
    pub team: Option<String>,
    /// Only of this service
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<String>,
    /// Start, included
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// End, excluded
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Only deployments that failed in production
    #[arg(long)]
    pub failed: bool,
    /// At most so many, newest first; 0 is all
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub limit: usize,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub format: EventFormat,
}

/// `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// A record's key (`source/id`) or id, a metric's id, or an objective's name
    pub id: String,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub format: TextJson,
    /// Span of time, for a metric
    #[command(flatten)]
    pub span: Span,
}

/// `import`.
#[derive(Debug, Args)]
pub struct Import {
    /// Files; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Source name of records that name none
    #[arg(long, default_value = "import", value_name = "NAME")]
    pub source: String,
}

/// `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// Only these kinds
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<String>,
    /// Start, included
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// End, excluded
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
}

/// `snapshot`.
#[derive(Debug, Args)]
pub struct Snapshot {
    /// Tab: bridge, reliability, delivery, cost, quality, or its number
    #[arg(long, default_value = "bridge")]
    pub tab: String,
    /// Columns x rows
    #[arg(long, default_value = "120x40", value_name = "CxR", value_parser = size)]
    pub size: (u16, u16),
    /// Form of the picture
    #[arg(long, value_enum, default_value_t)]
    pub format: Picture,
    /// Whose: `org`, `team:NAME`, `service:NAME`
    #[arg(long, default_value = "org", value_name = "SCOPE", value_parser = scope)]
    pub scope: crate::domain::value::Scope,
    /// Range: 1h, 6h, 24h, 7d, 28d, 90d, 1y
    #[arg(long, value_name = "RANGE", value_parser = range)]
    pub range: Option<crate::kpi::board::Range>,
    /// A past moment instead of now
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Theme
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(THEMES))]
    pub theme: Option<String>,
    /// Only ASCII characters
    #[arg(long)]
    pub ascii: bool,
}

/// `library`.
#[derive(Debug, Args)]
pub struct Library {
    /// Metric id or short form [default: list all]
    pub id: Option<String>,
    /// The kinds of source instead
    #[arg(long)]
    pub sources: bool,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub format: TextJson,
}

/// `schema`.
#[derive(Debug, Args)]
pub struct Schema {
    /// Of what
    #[arg(value_enum, default_value_t)]
    pub of: SchemaOf,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// Which shell
    pub shell: clap_complete::Shell,
}

/// For people or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum TextJson {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Forms of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum TableFormat {
    /// For people.
    #[default]
    Table,
    /// One JSON object per line.
    Json,
    /// Comma-separated, with a header.
    Csv,
}

/// Forms of a table that is no list of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum TableJson {
    /// For people.
    #[default]
    Table,
    /// One JSON object per line.
    Json,
}

/// Forms of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum EventFormat {
    /// For people.
    #[default]
    Table,
    /// The records as canonical JSON lines, with what was derived under `derived`.
    Jsonl,
    /// The same.
    Json,
}

/// Forms of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Picture {
    /// Characters only.
    #[default]
    Text,
    /// Characters and colours, as a terminal takes them.
    Ansi,
    /// A vector picture.
    Svg,
}

/// What a schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SchemaOf {
    /// The configuration file.
    #[default]
    Config,
    /// One line of `import`, `export` and the `records` source.
    Records,
}

fn range(word: &str) -> Result<crate::kpi::board::Range, String> {
    crate::kpi::board::Range::find(word).ok_or_else(|| {
        let words = crate::kpi::board::RANGES.iter().map(|r| r.word).collect::<Vec<_>>().join(", ");
        format!("expected one of {words}")
    })
}

fn size(text: &str) -> Result<(u16, u16), String> {
    let wrong = || "expected columns x rows, as 120x40, each from 1 to 1000".to_owned();
    let (c, r) = text.split_once('x').ok_or_else(wrong)?;
    let bounded = |n: &str| n.parse::<u16>().ok().filter(|n| (1..=1000).contains(n)).ok_or_else(wrong);
    Ok((bounded(c)?, bounded(r)?))
}

fn scope(text: &str) -> Result<crate::domain::value::Scope, String> {
    use crate::domain::value::Scope;
    match text.split_once(':') {
        None if text == "org" => Ok(Scope::Org),
        Some(("team", name)) if !name.is_empty() => Ok(Scope::Team(name.into())),
        Some(("service", name)) if !name.is_empty() => Ok(Scope::Service(name.into())),
        _ => Err("expected org, team:NAME or service:NAME".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_and_scopes_are_read_or_refused() {
        assert_eq!(size("80x24"), Ok((80, 24)));
        assert!(size("0x24").is_err() && size("80").is_err() && size("80x24x3").is_err() && size("-1x2").is_err());
        assert_eq!(scope("team:pay"), Ok(crate::domain::value::Scope::Team("pay".into())));
        assert!(scope("team:").is_err() && scope("pay").is_err());
    }

    #[test]
    fn options_of_the_live_monitor_stay_out_of_the_commands() {
        assert!(Cli::try_parse_from(["quarterdeck", "--range", "7d"]).is_ok());
        assert!(Cli::try_parse_from(["quarterdeck", "kpi", "--store", "x.db", "lead_time"]).is_ok());
        assert!(Cli::try_parse_from(["quarterdeck", "kpi", "--from", "2026-01-01", "--range", "7d"]).is_err());
    }
}
