//! XML as a stream of elements, bounded: no DTD is fetched or read, no entity is expanded but XML's own five, and
//! nothing is kept but the element at hand.

use std::io::{BufRead, Read};

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::report::Wrong;
use crate::domain::text::clean_to;

/// Deepest nesting.
const MAX_DEPTH: usize = 200;
/// Longest attribute value kept.
const MAX_VALUE: usize = 4_096;

/// An element's beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Name without its namespace prefix.
    pub name: String,
    attributes: Vec<(String, String)>,
}

impl Element {
    /// An attribute's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str())
    }

    /// An attribute that is a count.
    pub fn count(&self, name: &str) -> Option<u64> {
        self.get(name)?.trim().parse().ok()
    }
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// An element begins; `Close` follows for it too.
    Open(Element),
    /// The element of this name ends.
    Close(String),
}

/// The elements of a document in order.
pub struct Elements<'a> {
    reader: Reader<CountLines<&'a mut dyn BufRead>>,
    buffer: Vec<u8>,
    /// Names of the elements that are open.
    open: Vec<String>,
    /// An empty element that has been opened and not closed.
    close: bool,
    seen: bool,
}

impl<'a> Elements<'a> {
    pub fn new(input: &'a mut dyn BufRead) -> Self {
        let mut reader = Reader::from_reader(CountLines { input, lines: 0 });
        reader.config_mut().check_end_names = true;
        reader.config_mut().allow_dangling_amp = true;
        Self { reader, buffer: Vec::new(), open: Vec::new(), close: false, seen: false }
    }

    /// The line reading has come to, from 1.
    pub fn line(&mut self) -> u64 {
        self.reader.get_mut().lines + 1
    }

    /// Names of the open elements, the innermost last.
    pub fn path(&self) -> &[String] {
        &self.open
    }

    /// The root element.
    pub fn root(&mut self) -> Result<Element, Wrong> {
        match self.next()? {
            Some(Next::Open(root)) => Ok(root),
            _ => Err(Wrong::at(1, "expected an XML element")),
        }
    }

    /// The next beginning or end of an element; `None` after the root has ended.
    pub fn next(&mut self) -> Result<Option<Next>, Wrong> {
        if self.close {
            self.close = false;
            return Ok(self.open.pop().map(Next::Close));
        }
        loop {
            if self.seen && self.open.is_empty() {
                return Ok(None);
            }
            self.buffer.clear();
            let (element, empty) = match self.reader.read_event_into(&mut self.buffer) {
                Ok(Event::Start(start)) => (element(&start), false),
                Ok(Event::Empty(start)) => (element(&start), true),
                Ok(Event::End(_)) => return Ok(self.open.pop().map(Next::Close)),
                Ok(Event::Eof) => {
                    let inner = self.open.last().map_or("the root element", String::as_str).to_owned();
                    return Err(Wrong::at(
                        self.line(),
                        format!("the file ends within <{}>; it is cut off or being written", clean_to(&inner, 40)),
                    ));
                }
                Ok(_) => continue,
                Err(error) => return Err(Wrong::at(self.line(), format!("not XML: {}", clean_to(&error.to_string(), 160)))),
            };
            if self.open.len() >= MAX_DEPTH {
                return Err(Wrong::at(self.line(), format!("elements nested more than {MAX_DEPTH} deep")));
            }
            self.seen = true;
            self.open.push(element.name.clone());
            self.close = empty;
            return Ok(Some(Next::Open(element)));
        }
    }
}

fn element(start: &BytesStart<'_>) -> Element {
    let name = String::from_utf8_lossy(start.local_name().as_ref().as_ref()).into_owned();
    let attributes = start
        .attributes()
        .with_checks(false)
        .filter_map(Result::ok)
        .map(|a| {
            let raw = String::from_utf8_lossy(a.value.as_ref().as_ref()).into_owned();
            let raw = clean_cut(raw);
            let value = quick_xml::escape::unescape(&raw).map_or_else(|_| raw.clone(), std::borrow::Cow::into_owned);
            (String::from_utf8_lossy(a.key.local_name().as_ref().as_ref()).into_owned(), value)
        })
        .collect();
    Element { name, attributes }
}

fn clean_cut(mut text: String) -> String {
    if text.len() > MAX_VALUE {
        let mut at = MAX_VALUE;
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.truncate(at);
    }
    text
}

/// Counts the line ends that have been read.
struct CountLines<R> {
    input: R,
    lines: u64,
}

fn line_ends(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, b| n + u64::from(*b == b'\n'))
}

impl<R: BufRead> Read for CountLines<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let got = self.input.read(into)?;
        self.lines += line_ends(&into[..got]);
        Ok(got)
    }
}

impl<R: BufRead> BufRead for CountLines<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // What is consumed has just been looked at, so it is still in the buffer.
        if let Ok(buffer) = self.input.fill_buf() {
            self.lines += line_ends(&buffer[..amount.min(buffer.len())]);
        }
        self.input.consume(amount);
    }
}
