//! Reading files that may hold anything: never more than a limit, never what is no text.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes that a text may have to be read whole: a million spelled-out samples take 10 MB.
pub const MOST_TEXT: u64 = 64_000_000;

/// Bytes that a file may have whose rows are read one at a time.
pub const MOST_ROWS: u64 = 1_000_000_000;

/// A reader that fails past so many bytes, and at a byte 0, which no text has: a device that
/// never ends, or a picture, fails at once and is not read into memory first.
pub struct Bounded<R> {
    inner: R,
    left: u64,
    most: u64,
}

impl Bounded<File> {
    /// Opens a file to be read up to so many bytes.
    ///
    /// # Errors
    /// Whatever opening it fails with.
    pub fn open(path: &Path, most: u64) -> io::Result<Bounded<File>> {
        Ok(Bounded::new(File::open(path)?, most))
    }
}

impl<R: Read> Bounded<R> {
    pub fn new(inner: R, most: u64) -> Bounded<R> {
        let left = most;
        Bounded { inner, left, most }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(bytes)?;
        let refuse = |message: String| Err(io::Error::new(io::ErrorKind::InvalidData, message));
        if bytes[..n].contains(&0) {
            return refuse("it is binary".to_string());
        }
        match self.left.checked_sub(n as u64) {
            Some(left) => self.left = left,
            None => return refuse(format!("it is larger than {} MB", self.most / 1_000_000)),
        }
        Ok(n)
    }
}

/// The text of a file of at most [`MOST_TEXT`] bytes.
///
/// # Errors
/// A file that cannot be read, is larger, or is not UTF-8, which is said with the line.
pub fn text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    Bounded::open(path, MOST_TEXT)?.read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|e| {
        let valid = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|b| **b == b'\n').count();
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("line {line} is not UTF-8"),
        )
    })
}

/// What may be shown of a file that is none of those that were meant, and may be a secret: its
/// first few letters, and nothing that a terminal obeys.
pub(crate) fn glimpse(text: &str) -> String {
    const SHOWN: usize = 8;
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .filter(|c| !c.is_control())
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], most: u64) -> Result<Vec<u8>, String> {
        let mut all = Vec::new();
        let read = Bounded::new(bytes, most).read_to_end(&mut all);
        read.map(|_| all).map_err(|e| e.to_string())
    }

    #[test]
    fn a_limit_is_one() {
        let text = vec![b'a'; 2_000_000];
        assert_eq!(read(&text, 2_000_000).as_ref(), Ok(&text));
        let past = read(&text, 1_999_999);
        assert_eq!(past, Err("it is larger than 1 MB".to_string()));
        // What never ends is refused after a few bytes.
        let mut endless = Bounded::new(io::repeat(0), MOST_TEXT);
        let mut all = Vec::new();
        let refused = endless.read_to_end(&mut all);
        assert!(refused.is_err_and(|e| e.to_string().contains("binary")));
        assert!(all.len() < 1 << 16);
    }

    #[test]
    fn what_is_not_utf8_is_told_by_its_line() -> io::Result<()> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), b"a = 1\nb = \"\xff\"\n")?;
        let refused = text(file.path());
        assert!(refused.is_err_and(|e| e.to_string() == "line 2 is not UTF-8"));
        Ok(())
    }
}
