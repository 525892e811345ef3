//! How a person is written down: as a hash, never as a name.
//!
//! Sources hash before a record leaves them and the config hashes its `authors`, so the two meet without either keeping
//! a name. It is a pseudonym, not a secret: who knows an address can compute its hash.

use sha2::{Digest, Sha256};

/// The pseudonym of an e-mail address or login: `p:` and 16 hex digits. Case and surrounding blanks do not matter.
#[must_use]
pub fn pseudonym(id: &str) -> String {
    let digest = Sha256::digest(format!("quarterdeck person {}", id.trim().to_lowercase()));
    let mut head = [0u8; 8];
    head.copy_from_slice(&digest[..8]);
    format!("p:{:016x}", u64::from_be_bytes(head))
}

/// A pseudonym as it is; anything else as its pseudonym. What goes out and comes in again stays the same person.
#[must_use]
pub fn hashed(id: &str) -> String {
    let hex = |rest: &str| rest.len() == 16 && rest.bytes().all(|b| b.is_ascii_hexdigit());
    if id.strip_prefix("p:").is_some_and(hex) { id.to_owned() } else { pseudonym(id) }
}

#[cfg(test)]
mod tests {
    use super::{hashed, pseudonym};

    #[test]
    fn a_pseudonym_is_not_hashed_again() {
        let once = hashed("ann@example.org");
        assert_eq!(once, pseudonym("ann@example.org"));
        assert_eq!(hashed(&once), once);
    }

    #[test]
    fn the_same_address_in_any_case_is_the_same_person() {
        assert_eq!(pseudonym(" Ann@Example.org"), pseudonym("ann@example.org"));
        assert_ne!(pseudonym("ann@example.org"), pseudonym("bob@example.org"));
        assert_eq!(pseudonym("ann@example.org").len(), 18);
    }
}
