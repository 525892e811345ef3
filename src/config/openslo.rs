//! Objectives written in OpenSLO (v1, YAML), read when the config is.
//!
//! Name, service, target, window and budgeting method are taken as the specification says. The indicator's queries belong
//! to a vendor: which of this program's indicators is meant stands in a label or annotation, and what is missing is told
//! with file, line and document. Other kinds of document are passed over.

use std::{io::Read, path::Path, time::Duration};

use saphyr::{LoadableYamlNode, MarkedYaml};

use super::{
    Fault,
    check::{Check, Named},
    period, raw,
    slo::{self, SLIS, judge},
};
use crate::{
    analysis::burn,
    domain::{
        near::unknown,
        slo::{Least, Method, Period, Slo},
        text::clean,
        window::Tz,
    },
};

/// A larger file is not read.
const MOST_BYTES: u64 = 256 * 1024;
/// More files are not read.
const MOST_FILES: usize = 100;
/// Deeper or wider documents are no objectives, and could exhaust the stack.
const MOST_COLUMNS: usize = 4_000;
const MOST_OPEN: usize = 64;

/// Label or annotation that says what is counted.
const SLI: &str = "quarterdeck/sli";
/// The one that says from where on a request is too slow.
const THRESHOLD: &str = "quarterdeck/threshold";

type Node<'y> = MarkedYaml<'y>;

/// What every document shares.
struct Setting<'a> {
    named: &'a Named,
    zone: Tz,
    keep_minutes: Duration,
}

impl Check<'_> {
    /// The objectives of the files a pattern means.
    pub(super) fn openslo(&mut self, pattern: &raw::Text, named: &Named, zone: Tz, keep_minutes: Duration) -> Vec<Slo> {
        let at = pattern.span().start;
        let files = match files(self.dir, pattern.get_ref()) {
            Ok(files) => files,
            Err(why) => {
                self.fault(at, why);
                return Vec::new();
            }
        };
        let setting = Setting { named, zone, keep_minutes };
        let mut out = Vec::new();
        for path in files {
            let shown = path.display().to_string();
            let text = match read_file(&path) {
                Ok(text) => text,
                Err(why) => {
                    self.fault(at, format!("{shown}: {why}"));
                    continue;
                }
            };
            out.extend(File { name: &shown, faults: &mut self.faults }.slos(&text, &setting));
        }
        out
    }
}

/// Files by pattern, in order of name: `*` and `?` in the last part only.
fn files(dir: &Path, pattern: &str) -> Result<Vec<std::path::PathBuf>, String> {
    let path = super::relative_to(dir, pattern);
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.contains(['*', '?', '[', '{']) {
        return Ok(vec![path]);
    }
    let glob = globset::Glob::new(&name).map_err(|e| format!("`{}` is no pattern: {e}", clean(pattern)))?.compile_matcher();
    let folder = path.parent().unwrap_or(dir);
    let entries = std::fs::read_dir(folder).map_err(|e| format!("cannot list {}: {e}", folder.display()))?;
    let mut found: Vec<_> = entries.flatten().filter(|e| glob.is_match(e.file_name())).map(|e| e.path()).collect();
    found.sort();
    match found.len() {
        0 => Err(format!("no file matches `{}` in {}", clean(&name), folder.display())),
        n if n > MOST_FILES => Err(format!("{n} files match `{}`; at most {MOST_FILES} are read", clean(&name))),
        _ => Ok(found),
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| format!("cannot be read: {e}"))?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|e| format!("cannot be read: {e}"))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("is larger than {} KiB", MOST_BYTES / 1024));
    }
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())?;
    let mut open = 0_usize;
    for c in text.chars() {
        match c {
            '[' | '{' => open += 1,
            ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > MOST_OPEN {
            return Err("is nested too deeply".into());
        }
    }
    if text.lines().any(|l| l.len() > MOST_COLUMNS) {
        return Err(format!("has a line longer than {MOST_COLUMNS} characters"));
    }
    Ok(text)
}

/// One file being read.
struct File<'a> {
    name: &'a str,
    faults: &'a mut Vec<Fault>,
}

impl File<'_> {
    fn fault(&mut self, node: &Node<'_>, document: usize, message: &str) {
        let start = node.span.start;
        self.faults.push(Fault {
            file: self.name.to_owned(),
            line: start.line(),
            column: start.col() + 1,
            message: format!("document {document}: {message}"),
        });
    }

    fn slos(&mut self, text: &str, setting: &Setting<'_>) -> Vec<Slo> {
        let documents = match Node::load_from_str(text) {
            Ok(documents) => documents,
            Err(error) => {
                // Only what the parser says of the place: its text may repeat the file's.
                let message = format!("not YAML: {}", clean(&error.to_string()));
                self.faults.push(Fault { file: self.name.to_owned(), line: 0, column: 0, message });
                return Vec::new();
            }
        };
        let mut out = Vec::new();
        for (n, document) in documents.iter().enumerate() {
            if text_of(document, "kind") == Some("SLO") {
                out.extend(self.document(document, n + 1, &documents, setting).unwrap_or_default());
            }
        }
        out
    }

    /// The node under a key, or a fault that names the whole path.
    fn needed<'n, 'y>(&mut self, parent: &'n Node<'y>, key: &str, path: &str, n: usize) -> Option<&'n Node<'y>> {
        let found = parent.data.as_mapping_get(key);
        if found.is_none() {
            self.fault(parent, n, &format!("the key `{path}{key}` is missing"));
        }
        found
    }

    /// One objective of each entry of `objectives`; `None` after a fault.
    fn document(&mut self, document: &Node<'_>, n: usize, all: &[Node<'_>], setting: &Setting<'_>) -> Option<Vec<Slo>> {
        let version = text_of(document, "apiVersion").unwrap_or_default();
        if version != "openslo/v1" {
            self.fault(document, n, &format!("apiVersion `{}` is not read; expected `openslo/v1`", clean(version)));
            return None;
        }
        let metadata = self.needed(document, "metadata", "", n)?;
        let name = self.needed(metadata, "name", "metadata.", n)?.data.as_str().map(clean)?;
        let spec = self.needed(document, "spec", "", n)?;
        let service = self.needed(spec, "service", "spec.", n)?;
        let service_name = service.data.as_str().unwrap_or_default().to_owned();
        if !setting.named.services.contains(&service_name) {
            let known: Vec<&str> = setting.named.services.iter().map(String::as_str).collect();
            self.fault(service, n, &unknown("service", &service_name, &known));
        }
        let said = Said { own: metadata, indicator: indicator(spec, all) };
        let Some(sli) = said.value(SLI) else {
            let why = format!(
                "`metadata.annotations.\"{SLI}\"` is missing: the indicator's queries belong to a vendor; say what to count, one of {}",
                SLIS.join(", ")
            );
            self.fault(metadata, n, &why);
            return None;
        };
        let (sli_node, word) = sli;
        let threshold = match said.value(THRESHOLD) {
            Some((node, text)) => match period::parse(&text) {
                Ok(length) => Some(length),
                Err(why) => {
                    self.fault(node, n, &format!("{THRESHOLD}: {why}"));
                    return None;
                }
            },
            None if word == "latency" => {
                let why =
                    format!("`metadata.annotations.\"{THRESHOLD}\"` is missing: from where on is a request too slow, as in \"300ms\"?");
                self.fault(metadata, n, &why);
                return None;
            }
            None => None,
        };
        let Some(sli) = slo::sli(&word, threshold) else {
            self.fault(sli_node, n, &unknown("indicator", &word, &SLIS));
            return None;
        };
        let mut warnings = Vec::new();
        let (period, zone) = self.window(spec, n, setting.zone, &mut warnings)?;
        let method = self.needed(spec, "budgetingMethod", "spec.", n)?;
        let objectives = self.needed(spec, "objectives", "spec.", n)?;
        let list = objectives.data.as_sequence().map_or(&[][..], Vec::as_slice);
        if list.is_empty() {
            self.fault(objectives, n, "`spec.objectives` needs at least one objective");
        }
        let mut out = Vec::new();
        for (i, objective) in list.iter().enumerate() {
            let target = self.target(objective, n)?;
            let method = self.method(method, objective, n, target)?;
            let own = text_of(objective, "displayName").map(clean);
            let name = match (list.len(), own) {
                (1, _) => name.clone(),
                (_, Some(own)) => format!("{name}: {own}"),
                (_, None) => format!("{name} {}", i + 1),
            };
            let mut slo = Slo {
                name,
                services: vec![service_name.clone()],
                team: None,
                sli,
                target,
                period,
                zone,
                method,
                rules: Vec::new(),
                least: Least::default(),
                silent_after: None,
                from: format!("{}, document {n}", self.name),
                warnings: warnings.clone(),
            };
            let (faults, more) = judge(&slo, setting.keep_minutes);
            slo.warnings.extend(more);
            for (_, message) in &faults {
                self.fault(objective, n, message);
            }
            out.push(slo);
        }
        Some(out)
    }

    fn target(&mut self, objective: &Node<'_>, n: usize) -> Option<f64> {
        let (key, percent) =
            if objective.data.as_mapping_get("targetPercent").is_some() { ("targetPercent", true) } else { ("target", false) };
        let node = self.needed(objective, key, "objectives[].", n)?;
        // 99.9 as 0.999 and not 0.9990000000000001: the text is scaled, not the number.
        let target = number(node).and_then(|v| if percent { format!("{v}e-2").parse().ok() } else { Some(v) });
        let target = target.filter(|t| burn::budget(*t).is_ok());
        if target.is_none() {
            self.fault(
                node,
                n,
                &format!(
                    "`{key}` leaves no error budget to spend; expected more than 0 and less than {}",
                    if percent { "100" } else { "1" }
                ),
            );
        }
        target
    }

    fn method(&mut self, method: &Node<'_>, objective: &Node<'_>, n: usize, target: f64) -> Option<Method> {
        let word = method.data.as_str().unwrap_or_default();
        if word == "Occurrences" {
            return Some(Method::Occurrences);
        }
        if !["Timeslices", "RatioTimeslices"].contains(&word) {
            self.fault(method, n, &unknown("budgetingMethod", word, &["Occurrences", "Timeslices", "RatioTimeslices"]));
            return None;
        }
        let node = self.needed(objective, "timeSliceWindow", "objectives[].", n)?;
        // A bare number is minutes.
        let slice = match (number(node), node.data.as_str()) {
            (Some(minutes), _) if minutes > 0.0 && minutes < 1e6 => Some(Duration::from_secs_f64(minutes * 60.0)),
            (_, Some(text)) => shorthand(text).ok(),
            _ => None,
        };
        let Some(slice) = slice else {
            self.fault(node, n, "`timeSliceWindow` is a number of minutes, or a length such as 5m or 1h");
            return None;
        };
        if word == "RatioTimeslices" {
            return Some(Method::RatioTimeslices { slice_s: slice.as_secs_f64() });
        }
        let share = match objective.data.as_mapping_get("timeSliceTarget") {
            Some(node) => number(node).filter(|t| *t > 0.0 && *t <= 1.0).or_else(|| {
                self.fault(node, n, "`timeSliceTarget` is a share above 0 and at most 1");
                None
            })?,
            None => target,
        };
        Some(Method::Timeslices { slice_s: slice.as_secs_f64(), target: share })
    }

    fn window(&mut self, spec: &Node<'_>, n: usize, zone: Tz, warnings: &mut Vec<String>) -> Option<(Period, Tz)> {
        let windows = self.needed(spec, "timeWindow", "spec.", n)?;
        let Some([window]) = windows.data.as_sequence().map(Vec::as_slice) else {
            self.fault(windows, n, "`spec.timeWindow` needs exactly one window");
            return None;
        };
        let node = self.needed(window, "duration", "spec.timeWindow[].", n)?;
        let duration = node.data.as_str().unwrap_or_default();
        let Some(calendar) = window.data.as_mapping_get("calendar") else {
            return match shorthand(duration) {
                Ok(length) => Some((slo::rolling(length), zone)),
                Err(why) => {
                    self.fault(node, n, &why);
                    None
                }
            };
        };
        let period = match duration {
            "1w" | "7d" => Period::Week,
            "1M" => Period::Month,
            "1Q" | "3M" => Period::Quarter,
            _ => {
                self.fault(node, n, &format!("`{}` is no calendar window here; expected 1w, 1M or 1Q", clean(duration)));
                return None;
            }
        };
        if text_of(calendar, "startTime").is_some_and(|t| !t.trim_end().ends_with("00:00:00") && t.contains(':')) {
            warnings.push("`startTime` is not midnight: periods begin at the calendar's own boundary".into());
        }
        let Some(node) = calendar.data.as_mapping_get("timeZone") else { return Some((period, zone)) };
        let Some(zone) = node.data.as_str().and_then(|z| z.parse().ok()) else {
            self.fault(node, n, "`timeZone` is no time zone; expected a name such as `Europe/Berlin`");
            return None;
        };
        Some((period, zone))
    }
}

/// Where labels and annotations may stand: on the objective, else on its indicator.
struct Said<'n, 'y> {
    own: &'n Node<'y>,
    indicator: Option<&'n Node<'y>>,
}

impl<'n, 'y> Said<'n, 'y> {
    fn value(&self, key: &str) -> Option<(&'n Node<'y>, String)> {
        let places = [Some(self.own), self.indicator].into_iter().flatten();
        places.flat_map(|m| ["annotations", "labels"].into_iter().filter_map(move |k| m.data.as_mapping_get(k))).find_map(|map| {
            let node = map.data.as_mapping_get(key)?;
            Some((node, clean(node.data.as_str()?.trim())))
        })
    }
}

/// Metadata of the indicator: written inside, or a document of its own in the same file.
fn indicator<'n, 'y>(spec: &'n Node<'y>, all: &'n [Node<'y>]) -> Option<&'n Node<'y>> {
    if let Some(inside) = spec.data.as_mapping_get("indicator") {
        return inside.data.as_mapping_get("metadata");
    }
    let name = text_of(spec, "indicatorRef")?;
    let metadata = |d: &'n Node<'y>| d.data.as_mapping_get("metadata");
    all.iter().filter(|d| text_of(d, "kind") == Some("SLI")).filter_map(metadata).find(|m| text_of(m, "name") == Some(name))
}

fn text_of<'n>(node: &'n Node<'_>, key: &str) -> Option<&'n str> {
    node.data.as_mapping_get(key)?.data.as_str()
}

#[allow(clippy::cast_precision_loss, reason = "targets and minutes")]
fn number(node: &Node<'_>) -> Option<f64> {
    node.data.as_floating_point().or_else(|| node.data.as_integer().map(|n| n as f64)).filter(|n| n.is_finite())
}

/// OpenSLO's way of writing a length of time: whole, one unit, told apart by case (`m` minutes, `M` months).
fn shorthand(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{}` is no length of time here; expected one such as 5m, 12h, 30d or 4w", clean(text));
    let unit = text.chars().last().ok_or_else(wrong)?;
    let count: u64 = text.strip_suffix(unit).and_then(|n| n.parse().ok()).filter(|n| (1..=100_000).contains(n)).ok_or_else(wrong)?;
    let seconds = match unit {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        'M' | 'Q' | 'Y' => {
            return Err(format!(
                "`{}`: months, quarters and years differ in length; a rolling window needs days, such as 30d",
                clean(text)
            ));
        }
        _ => return Err(wrong()),
    };
    Ok(Duration::from_secs(count * seconds))
}
