//! Packed bills: gzip, told by content. What unpacks is bounded, because a small file can be made to fill any memory.
//!
//! A gzip stream has no way in but its start: to read on, what was taken in is unpacked once more and passed over.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
};

use flate2::bufread::MultiGzDecoder;

/// A bill that unpacks to more is not read.
const MOST_BYTES: u64 = 1 << 30;
/// Nor one that unpacks to more than so many times its size; bills come to 10 to 40.
const MOST_RATIO: u64 = 200;
/// A small file may be packed more tightly.
const SMALL: u64 = 1 << 20;

const BUFFER: usize = 128 << 10;

/// The first bytes of a gzip file.
#[must_use]
pub fn is_packed(head: &[u8]) -> bool {
    head.starts_with(b"\x1f\x8b")
}

/// The text of a bill, plain or packed, from a byte of it. `size`: bytes of the file.
///
/// # Errors
/// When the file cannot be read, or not unpacked that far.
pub fn open(mut file: &File, size: u64, from: u64) -> io::Result<Box<dyn Read + '_>> {
    let mut head = Vec::new();
    file.rewind()?;
    file.take(2).read_to_end(&mut head)?;
    if !is_packed(&head) {
        file.seek(SeekFrom::Start(from))?;
        // Not further than was seen: what is being written beyond it comes with the next look.
        let rest = file.take(size.saturating_sub(from));
        return Ok(Box::new(BufReader::with_capacity(BUFFER, rest)));
    }
    file.rewind()?;
    let most = MOST_BYTES.min(SMALL.max(size.saturating_mul(MOST_RATIO)));
    let mut text = Unpacked { packed: MultiGzDecoder::new(BufReader::with_capacity(BUFFER, file)), most, left: most };
    io::copy(&mut text.by_ref().take(from), &mut io::sink())?;
    Ok(Box::new(text))
}

/// What comes out of a gzip stream, up to a bound.
struct Unpacked<R> {
    packed: R,
    most: u64,
    left: u64,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.packed.read(buf).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => io::Error::other("the packed file ends too early; is it still being written?"),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => io::Error::other(format!("not a sound gzip file: {e}")),
            _ => e,
        })?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            let mib = self.most >> 20;
            io::Error::other(format!("unpacks to more than {mib} MiB, which no bill of this size does; unpack or split it if it is one"))
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn unpacked(bytes: &[u8], from: u64) -> io::Result<Vec<u8>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let mut out = Vec::new();
        open(&file, bytes.len() as u64, from)?.read_to_end(&mut out)?;
        Ok(out)
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn plain_and_packed_read_alike_from_any_byte() {
        assert_eq!(unpacked(b"plain text", 6).unwrap(), b"text");
        assert_eq!(unpacked(&packed(b"plain text"), 6).unwrap(), b"text");
        let two_members = [packed(b"plain "), packed(b"text")].concat();
        assert_eq!(unpacked(&two_members, 2).unwrap(), b"ain text");
    }

    #[test]
    fn a_bomb_is_refused_before_it_fills_the_memory() {
        let bomb = packed(&vec![b'a'; 64 << 20]);
        assert!(bomb.len() < 100 << 10, "{}", bomb.len());
        let why = unpacked(&bomb, 0).unwrap_err().to_string();
        assert!(why.starts_with("unpacks to more than 12 MiB"), "{why}");
        assert!(unpacked(&bomb, 60 << 20).is_err(), "nor can it be passed over");
    }

    #[test]
    fn a_truncated_and_a_broken_file_say_so() {
        let whole = packed(&(0..20_000u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
        let why = unpacked(&whole[..whole.len() / 2], 0).unwrap_err().to_string();
        assert!(why.contains("ends too early"), "{why}");
        let mut broken = whole.clone();
        broken[20] ^= 0xff;
        let why = unpacked(&broken, 0).unwrap_err().to_string();
        assert!(why.contains("not a sound gzip file"), "{why}");
    }
}
