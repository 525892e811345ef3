//! Reading: a serde deserializer over a slice.

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, Error as _, Visitor, value::BorrowedStrDeserializer},
    forward_to_deserialize_any,
};

use super::{DEEPEST, END, FALSE, FLOAT, HEX, INT, LIST, MAP, NULL, PackError, SHORT, SHORTS, TEXT, TRUE, UINT, WORD, word};

/// The value that was written.
///
/// # Errors
/// The bytes are cut off, go on after the value, or are not what `T` can be read from.
pub(in crate::store) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, PackError> {
    let mut reader = Reader { rest: bytes, depth: 0 };
    let value = T::deserialize(&mut reader)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(PackError::custom("something follows the value")) }
}

struct Reader<'de> {
    rest: &'de [u8],
    depth: usize,
}

fn cut_off() -> PackError {
    PackError::custom("it is cut off")
}

impl<'de> Reader<'de> {
    fn byte(&mut self) -> Result<u8, PackError> {
        let (first, rest) = self.rest.split_first().ok_or_else(cut_off)?;
        self.rest = rest;
        Ok(*first)
    }

    fn bytes(&mut self, count: usize) -> Result<&'de [u8], PackError> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or_else(cut_off)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn eight(&mut self) -> Result<[u8; 8], PackError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(cut_off)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn varint(&mut self) -> Result<u64, PackError> {
        let mut n = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err(PackError::custom("a number does not end"))
    }

    fn text(&mut self, count: usize) -> Result<&'de str, PackError> {
        std::str::from_utf8(self.bytes(count)?).map_err(PackError::custom)
    }

    /// Is the next value this mark? It is then taken.
    fn next_is(&mut self, mark: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == mark => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// A list or map, whose first byte is read.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, PackError>) -> Result<T, PackError> {
        if self.depth == DEEPEST {
            return Err(PackError::custom("it is nested too deeply"));
        }
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        // A visitor of fixed length stops before the end.
        if self.next_is(END) { Ok(value) } else { Err(PackError::custom("a list or map is longer than it should be")) }
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = PackError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PackError> {
        match self.byte()? {
            NULL => visitor.visit_unit(),
            FALSE => visitor.visit_bool(false),
            TRUE => visitor.visit_bool(true),
            INT => {
                let n = self.varint()?;
                visitor.visit_i64((n >> 1).cast_signed() ^ -(n & 1).cast_signed())
            }
            UINT => visitor.visit_u64(u64::from_le_bytes(self.eight()?)),
            FLOAT => visitor.visit_f64(f64::from_le_bytes(self.eight()?)),
            TEXT => {
                let count = usize::try_from(self.varint()?).map_err(PackError::custom)?;
                visitor.visit_borrowed_str(self.text(count)?)
            }
            HEX => {
                let count = usize::from(self.byte()?);
                let digits = b"0123456789abcdef";
                let text = self.bytes(count)?.iter().flat_map(|b| [digits[usize::from(b >> 4)], digits[usize::from(b & 15)]]);
                visitor.visit_string(text.map(char::from).collect())
            }
            LIST => self.nested(|list| visitor.visit_seq(Items(list))),
            MAP => self.nested(|map| visitor.visit_map(Items(map))),
            short if (SHORT..WORD).contains(&short) && usize::from(short - SHORT) < SHORTS => {
                visitor.visit_borrowed_str(self.text(usize::from(short - SHORT))?)
            }
            known if known >= WORD => visitor.visit_borrowed_str(word(known - WORD).ok_or_else(|| PackError::custom("an unknown word"))?),
            _ => Err(PackError::custom("no value begins like this")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PackError> {
        if self.next_is(NULL) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, PackError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, PackError> {
        if self.next_is(MAP) {
            return self.nested(|map| visitor.visit_enum(Variant(map)));
        }
        let name = <&str>::deserialize(self)?;
        visitor.visit_enum(BorrowedStrDeserializer::new(name))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// What a list or map holds.
struct Items<'a, 'de>(&'a mut Reader<'de>);

impl<'de> Items<'_, 'de> {
    fn next<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, PackError> {
        if self.0.rest.first() == Some(&END) { Ok(None) } else { seed.deserialize(&mut *self.0).map(Some) }
    }
}

impl<'de> de::SeqAccess<'de> for Items<'_, 'de> {
    type Error = PackError;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, PackError> {
        self.next(seed)
    }
}

impl<'de> de::MapAccess<'de> for Items<'_, 'de> {
    type Error = PackError;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, PackError> {
        self.next(seed)
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, PackError> {
        seed.deserialize(&mut *self.0)
    }
}

/// A variant with content: a map of its name.
struct Variant<'a, 'de>(&'a mut Reader<'de>);

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de> {
    type Error = PackError;
    type Variant = Self;

    fn variant_seed<V: de::DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), PackError> {
        Ok((seed.deserialize(&mut *self.0)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = PackError;

    fn unit_variant(self) -> Result<(), PackError> {
        Deserialize::deserialize(self.0)
    }

    fn newtype_variant_seed<T: de::DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, PackError> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, PackError> {
        self.0.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, PackError> {
        self.0.deserialize_any(visitor)
    }
}
