//! Names that a person types: found, or refused with the one that was probably meant. A misspelt name must never read as
//! something empty.

use super::Stop;
use crate::domain::{defined::Catalogue, metric::Metric, near, text::clean};

/// The metric of an id or short form.
///
/// # Errors
/// [`Stop::Use`] with the id that is near.
pub fn metric(id: &str, catalogue: &Catalogue) -> Result<&'static Metric, Stop> {
    catalogue.find(id).ok_or_else(|| Stop::Use(catalogue.unknown(id)))
}

/// One that exists.
///
/// # Errors
/// [`Stop::Use`] with the option, the name that is near, and all there are.
pub fn one(option: &str, name: &str, known: &[String]) -> Result<String, Stop> {
    if known.iter().any(|k| k == name) {
        return Ok(name.to_owned());
    }
    let near = near::hint(name, known.iter().map(String::as_str));
    let list = if known.is_empty() { "none is known yet".to_owned() } else { format!("known: {}", known.join(", ")) };
    let end = if near.is_empty() { ";" } else { "" };
    Err(Stop::Use(format!("{option} {}: nothing is called so{near}{end} {}", clean(name), clean(&list))))
}

/// One that exists, or `all`.
///
/// # Errors
/// As [`one`].
pub fn one_or_all(option: &str, name: &str, known: &[String]) -> Result<Vec<String>, Stop> {
    match one(option, name, known) {
        Err(_) if name == "all" => Ok(known.to_vec()),
        found => found.map(|name| vec![name]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_means_every_known_name_and_a_misspelt_one_is_told_with_the_nearest() {
        let known = ["pay".to_owned(), "risk".to_owned()];
        assert_eq!(one_or_all("--team", "all", &known).unwrap(), known);
        assert_eq!(one_or_all("--team", "risk", &known).unwrap(), ["risk"]);
        let refused = |name: &str, known: &[String]| match one("--team", name, known) {
            Err(Stop::Use(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused("pya", &known), "--team pya: nothing is called so; did you mean `pay`? known: pay, risk");
        assert_eq!(refused("checkout", &known), "--team checkout: nothing is called so; known: pay, risk");
        assert_eq!(refused("pay", &[]), "--team pay: nothing is called so; none is known yet");
    }
}
