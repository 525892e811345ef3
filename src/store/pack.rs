//! A compact form of what serde can describe, for the bodies of rows: names in full or as the number of a known word,
//! whole numbers as short as they are, hexadecimal text at half its length.
//!
//! It describes itself, so fields may be added, dropped and moved in the types as freely as with JSON; only [`word`] is
//! for ever. Reading never panics and never nests deeper than [`DEEPEST`], whatever the bytes are.

mod read;
mod write;

pub(super) use self::{read::read, write::write};

/// What cannot be written or read, in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct PackError(String);

impl serde::ser::Error for PackError {
    fn custom<T: std::fmt::Display>(what: T) -> Self {
        Self(what.to_string())
    }
}

impl serde::de::Error for PackError {
    fn custom<T: std::fmt::Display>(what: T) -> Self {
        Self(what.to_string())
    }
}

/// Levels of lists and maps within each other.
const DEEPEST: usize = 64;

// The first byte of a value says what follows.
const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
/// A whole number: its sign to the right, seven bits to a byte, the lowest first.
const INT: u8 = 3;
/// Eight bytes, little end first: a whole number without sign; a number.
const UINT: u8 = 4;
const FLOAT: u8 = 5;
/// A length as in `INT` without the sign, then UTF-8.
const TEXT: u8 = 6;
/// Lower-case hexadecimal digits: the number of pairs in one byte, then a byte for each pair.
const HEX: u8 = 7;
/// Values up to `END`.
const LIST: u8 = 8;
/// Keys and values in turn up to `END`.
const MAP: u8 = 9;
const END: u8 = 10;
/// `SHORT + n`: UTF-8 of n < `SHORTS` bytes.
const SHORT: u8 = 0x20;
const SHORTS: usize = 0x60;
/// `WORD + n`: the word of that number.
const WORD: u8 = 0x80;

macro_rules! words {
    ($($number:literal $word:literal)*) => {
        /// The number of a word that is written often.
        fn number(text: &str) -> Option<u8> {
            match text {
                $($word => Some($number),)*
                _ => None,
            }
        }

        /// The word of a number.
        fn word(number: u8) -> Option<&'static str> {
            match number {
                $($number => Some($word),)*
                _ => None,
            }
        }
    };
}

// Numbers are for ever; new words go to the end, below 128. What is not here is written in full.
words! {
    0 "e" 1 "b" 2 "ts" 3 "updated_at" 4 "labels" 5 "team" 6 "service" 7 "repo" 8 "env_tier" 9 "env_name" 10 "url" 11 "raw_ref"
    12 "production" 13 "staging" 14 "status" 15 "created_at" 16 "started_at" 17 "finished_at" 18 "sha" 19 "prev_sha" 20 "version"
    21 "base_sha" 22 "ref" 23 "deploy_kind" 24 "planned" 25 "prod_impact" 26 "change_ids" 27 "actor" 28 "actor_is_bot"
    29 "change_type" 30 "assumed" 31 "success" 32 "failure" 33 "cancelled" 34 "authored_at" 35 "committed_at" 36 "is_merge"
    37 "number" 38 "title" 39 "author" 40 "author_is_bot" 41 "state" 42 "draft" 43 "opened_at" 44 "ready_at" 45 "first_review_at"
    46 "approved_at" 47 "merged_at" 48 "closed_at" 49 "merge_sha" 50 "head_sha" 51 "base_ref" 52 "merge_method" 53 "commits"
    54 "paths" 55 "additions" 56 "deletions" 57 "reverts" 58 "issue_ids" 59 "reviews" 60 "merged" 61 "open" 62 "closed" 63 "feature"
    64 "fix" 65 "parents" 66 "pipeline" 67 "queued_at" 68 "attempt" 69 "severity" 70 "services" 71 "detected_at" 72 "acknowledged_at"
    73 "mitigated_at" 74 "resolved_at" 75 "caused_by" 76 "main" 77 "master" 78 "squash" 79 "merge" 80 "rebase" 81 "test"
    82 "development" 83 "amount" 84 "currency" 85 "from" 86 "to" 87 "instance" 88 "group_id" 89 "rolls_back" 90 "remediates"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Point,
        Circle(f64),
        Rectangle { wide: u64, high: i64 },
        Line(i8, char),
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Loose {
        Number(i64),
        Text(String),
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Wrapped(Option<u64>);

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct All {
        shapes: Vec<Shape>,
        loose: Vec<Loose>,
        wrapped: Wrapped,
        map: BTreeMap<String, Option<bool>>,
        unit: (),
        text: String,
    }

    fn round<T: Serialize + for<'de> Deserialize<'de>>(value: &T) -> T {
        let mut bytes = Vec::new();
        write(value, &mut bytes).unwrap();
        read(&bytes).unwrap()
    }

    #[test]
    fn what_serde_can_describe_comes_back_as_it_went_in() {
        let all = All {
            shapes: vec![Shape::Point, Shape::Circle(0.1), Shape::Rectangle { wide: u64::MAX, high: i64::MIN }, Shape::Line(-1, 'ß')],
            loose: vec![Loose::Number(-128), Loose::Text("sha".into())],
            wrapped: Wrapped(None),
            map: BTreeMap::from([("a".into(), None), (String::new(), Some(true))]),
            unit: (),
            text: "x".repeat(5_000),
        };
        assert_eq!(round(&all), all);
        assert_eq!(round(&Wrapped(Some(u64::MAX))), Wrapped(Some(u64::MAX)));
    }

    #[test]
    fn a_commit_takes_half_its_digits_and_a_known_word_one_byte() {
        let mut bytes = Vec::new();
        write("0123456789abcdef0123456789abcdef01234567", &mut bytes).unwrap();
        assert_eq!(bytes.len(), 22);
        bytes.clear();
        write("merged_at", &mut bytes).unwrap();
        assert_eq!(bytes.len(), 1);
        for text in ["0123456789ABCDEF01", "0123456789abcdef0", &"ab".repeat(300)] {
            assert_eq!(round(&text.to_owned()), text);
        }
    }

    #[test]
    fn every_word_has_the_number_it_is_read_by() {
        let words: Vec<&str> = (0..=u8::MAX).map_while(word).collect();
        assert!(words.len() > 80 && words.len() <= 128);
        for (n, word) in words.iter().enumerate() {
            assert_eq!(number(word).map(usize::from), Some(n), "{word}");
        }
    }

    #[test]
    fn bytes_that_nest_without_end_are_refused() {
        assert!(read::<Value>(&vec![LIST; 100_000]).is_err());
        assert!(read::<serde::de::IgnoredAny>(&vec![MAP; 100_000]).is_err());
        assert!(read::<Value>(&[LIST, TEXT, 0xff, 0xff, 0xff, 0xff, 0x0f]).is_err());
        assert!(read::<Value>(&[NULL, NULL]).is_err(), "something follows");
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Value::from),
            ".*".prop_map(Value::from),
            "[0-9a-f]{0,80}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[a-z_]{0,12}", inner, 0..6).prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_comes_back_as_it_went_in(value in json()) {
            prop_assert_eq!(round(&value), value);
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Value>(&bytes);
            let _ = read::<All>(&bytes);
        }
    }
}
