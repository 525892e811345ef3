//! Writing: a serde serializer that appends to a vector.

use serde::{Serialize, Serializer, ser};

use super::{END, FALSE, FLOAT, HEX, INT, LIST, MAP, NULL, PackError, SHORT, SHORTS, TEXT, TRUE, UINT, WORD, number};

/// Append a value to `out`.
///
/// # Errors
/// Only what the value's own serialisation says, and whole numbers beyond 64 bits.
pub(in crate::store) fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), PackError> {
    value.serialize(Writer(out))
}

struct Writer<'a>(&'a mut Vec<u8>);

fn varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(low(n) | 0x80);
        n >>= 7;
    }
    out.push(low(n));
}

fn low(n: u64) -> u8 {
    (n & 0x7f) as u8
}

/// Value of a lower-case hexadecimal digit.
fn digit(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    }
}

/// Digits worth packing: those of commits and the like.
const HEX_FROM: usize = 16;

/// Append hexadecimal text packed; `false`, with `out` as it was, when it is not.
fn hex(out: &mut Vec<u8>, text: &[u8]) -> bool {
    let (pairs, rest) = text.as_chunks::<2>();
    let (true, true, Ok(count)) = (text.len() >= HEX_FROM, rest.is_empty(), u8::try_from(pairs.len())) else { return false };
    let start = out.len();
    out.extend([HEX, count]);
    for [high, low] in pairs {
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
            out.truncate(start);
            return false;
        };
        out.push(high << 4 | low);
    }
    true
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = PackError;
    type SerializeSeq = Open<'a>;
    type SerializeTuple = Open<'a>;
    type SerializeTupleStruct = Open<'a>;
    type SerializeTupleVariant = Open<'a>;
    type SerializeMap = Open<'a>;
    type SerializeStruct = Open<'a>;
    type SerializeStructVariant = Open<'a>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, v: bool) -> Result<(), PackError> {
        self.0.push(if v { TRUE } else { FALSE });
        Ok(())
    }

    fn serialize_i8(self, v: i8) -> Result<(), PackError> {
        self.serialize_i64(v.into())
    }

    fn serialize_i16(self, v: i16) -> Result<(), PackError> {
        self.serialize_i64(v.into())
    }

    fn serialize_i32(self, v: i32) -> Result<(), PackError> {
        self.serialize_i64(v.into())
    }

    fn serialize_i64(self, v: i64) -> Result<(), PackError> {
        self.0.push(INT);
        varint(self.0, (v << 1 ^ v >> 63).cast_unsigned());
        Ok(())
    }

    fn serialize_u8(self, v: u8) -> Result<(), PackError> {
        self.serialize_i64(v.into())
    }

    fn serialize_u16(self, v: u16) -> Result<(), PackError> {
        self.serialize_i64(v.into())
    }

    fn serialize_u32(self, v: u32) -> Result<(), PackError> {
        self.serialize_i64(v.into())
    }

    fn serialize_u64(self, v: u64) -> Result<(), PackError> {
        if let Ok(v) = i64::try_from(v) {
            return self.serialize_i64(v);
        }
        self.0.push(UINT);
        self.0.extend(v.to_le_bytes());
        Ok(())
    }

    fn serialize_f32(self, v: f32) -> Result<(), PackError> {
        self.serialize_f64(v.into())
    }

    fn serialize_f64(self, v: f64) -> Result<(), PackError> {
        self.0.push(FLOAT);
        self.0.extend(v.to_le_bytes());
        Ok(())
    }

    fn serialize_char(self, v: char) -> Result<(), PackError> {
        self.serialize_str(v.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, v: &str) -> Result<(), PackError> {
        if let Some(number) = number(v) {
            self.0.push(WORD | number);
            return Ok(());
        }
        if hex(self.0, v.as_bytes()) {
            return Ok(());
        }
        match u8::try_from(v.len()) {
            Ok(short) if usize::from(short) < SHORTS => self.0.push(SHORT + short),
            _ => {
                self.0.push(TEXT);
                varint(self.0, v.len() as u64);
            }
        }
        self.0.extend_from_slice(v.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, v: &[u8]) -> Result<(), PackError> {
        self.collect_seq(v)
    }

    fn serialize_none(self) -> Result<(), PackError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), PackError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), PackError> {
        self.0.push(NULL);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), PackError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), PackError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), PackError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), PackError> {
        let open = Open::variant(self.0, variant)?;
        write(value, open.out)?;
        open.close()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Open<'a>, PackError> {
        Ok(Open::new(self.0, LIST))
    }

    fn serialize_tuple(self, _: usize) -> Result<Open<'a>, PackError> {
        Ok(Open::new(self.0, LIST))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Open<'a>, PackError> {
        Ok(Open::new(self.0, LIST))
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, variant: &'static str, _: usize) -> Result<Open<'a>, PackError> {
        let open = Open::variant(self.0, variant)?;
        open.out.push(LIST);
        Ok(open)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Open<'a>, PackError> {
        Ok(Open::new(self.0, MAP))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Open<'a>, PackError> {
        Ok(Open::new(self.0, MAP))
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, variant: &'static str, _: usize) -> Result<Open<'a>, PackError> {
        let open = Open::variant(self.0, variant)?;
        open.out.push(MAP);
        Ok(open)
    }
}

/// A list or map that is being written.
struct Open<'a> {
    out: &'a mut Vec<u8>,
    /// It is the content of a variant, whose own map is open around it.
    inner: bool,
}

impl<'a> Open<'a> {
    fn new(out: &'a mut Vec<u8>, what: u8) -> Self {
        out.push(what);
        Self { out, inner: false }
    }

    /// `{variant: …`
    fn variant(out: &'a mut Vec<u8>, variant: &str) -> Result<Self, PackError> {
        out.push(MAP);
        write(variant, out)?;
        Ok(Self { out, inner: true })
    }

    #[allow(clippy::unnecessary_wraps, reason = "the end of each of serde's serializers")]
    fn close(self) -> Result<(), PackError> {
        self.out.push(END);
        Ok(())
    }

    fn end(self) -> Result<(), PackError> {
        if self.inner {
            self.out.push(END);
        }
        self.close()
    }
}

impl ser::SerializeSeq for Open<'_> {
    type Ok = ();
    type Error = PackError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PackError> {
        write(value, self.out)
    }

    fn end(self) -> Result<(), PackError> {
        self.end()
    }
}

impl ser::SerializeTuple for Open<'_> {
    type Ok = ();
    type Error = PackError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PackError> {
        write(value, self.out)
    }

    fn end(self) -> Result<(), PackError> {
        self.end()
    }
}

impl ser::SerializeTupleStruct for Open<'_> {
    type Ok = ();
    type Error = PackError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PackError> {
        write(value, self.out)
    }

    fn end(self) -> Result<(), PackError> {
        self.end()
    }
}

impl ser::SerializeTupleVariant for Open<'_> {
    type Ok = ();
    type Error = PackError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PackError> {
        write(value, self.out)
    }

    fn end(self) -> Result<(), PackError> {
        self.end()
    }
}

impl ser::SerializeMap for Open<'_> {
    type Ok = ();
    type Error = PackError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), PackError> {
        write(key, self.out)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PackError> {
        write(value, self.out)
    }

    fn end(self) -> Result<(), PackError> {
        self.end()
    }
}

impl ser::SerializeStruct for Open<'_> {
    type Ok = ();
    type Error = PackError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), PackError> {
        write(key, self.out)?;
        write(value, self.out)
    }

    fn end(self) -> Result<(), PackError> {
        self.end()
    }
}

impl ser::SerializeStructVariant for Open<'_> {
    type Ok = ();
    type Error = PackError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), PackError> {
        write(key, self.out)?;
        write(value, self.out)
    }

    fn end(self) -> Result<(), PackError> {
        self.end()
    }
}
