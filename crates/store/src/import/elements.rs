//! Cuts a JSON array into its elements without reading them, so that neither its size nor one broken element matters.

use std::io::{self, BufRead, BufReader, Read};

use crate::Error;

/// An element of the array.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// Its bytes; only quotes and brackets were looked at.
    Json(Vec<u8>),
    /// It is larger than allowed and was passed over.
    TooLarge,
}

/// Elements of an array, or values that follow each other without one.
pub(super) struct Elements<R> {
    reader: BufReader<R>,
    largest: usize,
    bytes: u64,
    has_begun: bool,
    is_array: bool,
}

/// Where in an element the next byte is.
#[derive(Default)]
struct Place {
    depth: usize,
    is_string: bool,
    is_escaped: bool,
    has_begun: bool,
}

/// What a byte is for the element.
#[derive(PartialEq, Eq)]
enum Step {
    Within,
    Last,
    /// It belongs to what follows.
    Behind,
}

impl Place {
    fn step(&mut self, byte: u8) -> Step {
        if self.is_string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => {
                    self.is_string = false;
                    return if self.depth == 0 { Step::Last } else { Step::Within };
                }
                _ => {}
            }
            return Step::Within;
        }
        match byte {
            b'"' => self.is_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 0 => {
                self.depth -= 1;
                return if self.depth == 0 { Step::Last } else { Step::Within };
            }
            b'}' | b']' | b',' if self.depth == 0 && self.has_begun => return Step::Behind,
            _ if byte.is_ascii_whitespace() && self.depth == 0 && self.has_begun => return Step::Behind,
            _ => {}
        }
        self.has_begun = true;
        Step::Within
    }
}

impl<R: Read> Elements<R> {
    pub(super) fn new(reader: R, largest: usize) -> Self {
        Self { reader: BufReader::with_capacity(1 << 16, reader), largest, bytes: 0, has_begun: false, is_array: false }
    }

    /// Bytes that were read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next element; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Element>, Error> {
        if !self.has_begun {
            self.begin()?;
        }
        self.pass_blanks()?;
        match self.peek()? {
            None if self.is_array => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            None => Ok(None),
            Some(b']') if self.is_array => Ok(None),
            Some(_) => self.element().map(Some),
        }
    }

    /// Passes over what stands between elements.
    fn pass_blanks(&mut self) -> Result<(), Error> {
        loop {
            let buffer = fill(&mut self.reader)?;
            let blanks = buffer.iter().take_while(|byte| **byte == b',' || byte.is_ascii_whitespace()).count();
            if blanks == 0 {
                return Ok(());
            }
            self.consume(blanks);
        }
    }

    /// Passes over a byte order mark, blanks and the bracket.
    fn begin(&mut self) -> Result<(), Error> {
        self.has_begun = true;
        loop {
            match self.peek()? {
                Some(byte) if byte.is_ascii_whitespace() || matches!(byte, 0xEF | 0xBB | 0xBF) => self.consume(1),
                Some(b'[') => {
                    self.is_array = true;
                    self.consume(1);
                    return Ok(());
                }
                Some(b'{') => return Ok(()),
                Some(_) | None => return Err(Error::Foreign),
            }
        }
    }

    fn element(&mut self) -> Result<Element, Error> {
        let mut json = Vec::new();
        let mut is_too_large = false;
        let mut place = Place::default();
        loop {
            let buffer = fill(&mut self.reader)?;
            if buffer.is_empty() {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            let mut used = 0;
            let mut is_over = false;
            for &byte in buffer {
                let step = place.step(byte);
                used += usize::from(step != Step::Behind);
                if step != Step::Within {
                    is_over = true;
                    break;
                }
            }
            is_too_large |= json.len() + used > self.largest;
            if is_too_large {
                json = Vec::new();
            } else {
                json.extend(buffer.iter().take(used));
            }
            self.consume(used);
            if is_over {
                return Ok(if is_too_large { Element::TooLarge } else { Element::Json(json) });
            }
        }
    }

    fn peek(&mut self) -> Result<Option<u8>, Error> {
        Ok(fill(&mut self.reader)?.first().copied())
    }

    fn consume(&mut self, bytes: usize) {
        self.reader.consume(bytes);
        self.bytes += bytes as u64;
    }
}

fn fill<R: Read>(reader: &mut BufReader<R>) -> io::Result<&[u8]> {
    loop {
        match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(_) => break,
        }
    }
    Ok(reader.buffer())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn cut(text: &str, largest: usize) -> Vec<Element> {
        let mut elements = Elements::new(text.as_bytes(), largest);
        std::iter::from_fn(|| elements.next().unwrap()).collect()
    }

    fn json(text: &str) -> Element {
        Element::Json(text.into())
    }

    #[test]
    fn an_array_is_cut_into_its_elements() {
        let text = "\u{feff} [ {\"a\": [1, \"]}\\\"\"]} ,2,\"x,y\", [3] ,{}]";
        assert_eq!(
            cut(text, 100),
            [json("{\"a\": [1, \"]}\\\"\"]}"), json("2"), json("\"x,y\""), json("[3]"), json("{}")]
        );
        assert_eq!(cut("[]", 100), []);
        assert_eq!(cut("{\"a\":1}\n{\"b\":2}\n", 100), [json("{\"a\":1}"), json("{\"b\":2}")]);
    }

    #[test]
    fn a_large_element_is_passed_over_without_being_kept() {
        let text = format!("[{{\"a\":\"{}\"}}, {{\"b\":1}}]", "x".repeat(1 << 18));
        assert_eq!(cut(&text, 1000), [Element::TooLarge, json("{\"b\":1}")]);
    }

    #[test]
    fn a_file_that_is_cut_off_is_an_error_after_what_was_whole() {
        let mut elements = Elements::new(b"[{\"a\":1}, {\"b\":".as_slice(), 100);
        assert_eq!(elements.next().unwrap(), Some(json("{\"a\":1}")));
        assert!(matches!(elements.next(), Err(Error::Io(_))));
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        assert!(matches!(Elements::new(b"PK\x03\x04".as_slice(), 100).next(), Err(Error::Foreign)));
        assert!(matches!(Elements::new(b"".as_slice(), 100).next(), Err(Error::Foreign)));
    }
}
