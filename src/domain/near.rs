//! Misspelt names: the known word nearest to one, and how to say that there is none of this name.

use super::text::clean_to;

/// `unknown <what> `name`; did you mean `near`? expected one of …`
#[must_use]
pub fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let near = hint(name, known.iter().copied());
    let list = match known {
        [] => String::new(),
        _ if !near.is_empty() => String::new(),
        [one] => format!("; expected `{one}`"),
        _ if known.len() <= 24 => format!("; expected one of {}", known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ")),
        _ => format!("; `quarterdeck library` lists the {} there are", known.len()),
    };
    format!("unknown {what} `{}`{near}{list}", clean_to(name, 80))
}

/// `; did you mean `near`?`, or nothing when no known word is near.
#[must_use]
pub fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map(|near| format!("; did you mean `{}`?", clean_to(near, 80))).unwrap_or_default()
}

/// The known word nearest to a misspelt one, when one is near.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let allowed = (word.chars().count() / 3).clamp(1, 4);
    let by_distance = known.into_iter().map(|k| (distance(&word, &k.to_lowercase()), k)).min_by_key(|(d, _)| *d);
    by_distance.filter(|(d, _)| *d <= allowed).map(|(_, k)| k)
}

/// Edits (insert, delete, replace, swap of neighbours) from one word to another.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        let known = ["change_failure_rate", "lead_time", "uptime"];
        assert_eq!(nearest("change_failure_rat", known.into_iter()), Some("change_failure_rate"));
        assert_eq!(nearest("uptmie", known.into_iter()), Some("uptime"));
        assert_eq!(nearest("velocity", known.into_iter()), None);
    }
}
