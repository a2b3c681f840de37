//! The binary form shared by all records between workers: LEB128 varints, little-endian 64-bit keys, length-prefixed
//! lists. Reading is total: short, long or wrong input is [`Malformed`], never a panic, and a list's claimed length
//! never makes the reader allocate more than the input could hold.

use alloc::{string::String, vec::Vec};

/// The bytes are not a record that this version can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Appends values to a buffer.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(version: u8) -> Self {
        let mut writer = Self::default();
        writer.byte(version);
        writer
    }

    pub(crate) fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    pub(crate) fn key(&mut self, value: u64) {
        self.raw(&value.to_le_bytes());
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.part(value.as_bytes());
    }

    pub(crate) fn part(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.raw(bytes);
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Takes values off the front of a slice.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts reading; the first byte must be `version`.
    pub(crate) fn new(bytes: &'a [u8], version: u8) -> Result<Self, Malformed> {
        let mut reader = Self { bytes };
        if reader.byte()? == version { Ok(reader) } else { Err(Malformed) }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.bytes.split_first().ok_or(Malformed)?;
        self.bytes = rest;
        Ok(*first)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit only.
            if shift == 63 && bits > 1 {
                return Err(Malformed);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    /// As many numbers as the array has room for.
    pub(crate) fn counts<const N: usize>(&mut self) -> Result<[u64; N], Malformed> {
        let mut counts = [0; N];
        for count in &mut counts {
            *count = self.varint()?;
        }
        Ok(counts)
    }

    pub(crate) fn small(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.varint()?).map_err(|_| Malformed)
    }

    pub(crate) fn key(&mut self) -> Result<u64, Malformed> {
        let (key, rest) = self.bytes.split_first_chunk::<8>().ok_or(Malformed)?;
        self.bytes = rest;
        Ok(u64::from_le_bytes(*key))
    }

    pub(crate) fn text(&mut self) -> Result<String, Malformed> {
        self.text_ref().map(String::from)
    }

    /// A text, without copying it.
    pub(crate) fn text_ref(&mut self) -> Result<&'a str, Malformed> {
        core::str::from_utf8(self.part()?).map_err(|_| Malformed)
    }

    /// Length-prefixed bytes, without copying them.
    pub(crate) fn part(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
        let (part, rest) = self.bytes.split_at_checked(length).ok_or(Malformed)?;
        self.bytes = rest;
        Ok(part)
    }

    /// What is left to read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// Something is left to read.
    pub(crate) fn has_more(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Reads a part of a record, which has no version of its own.
    pub(crate) fn within(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Reads a length-prefixed list; every element takes at least one byte, so the length is bounded by the input.
    pub(crate) fn list<T>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
        if length > self.bytes.len() {
            return Err(Malformed);
        }
        let mut list = Vec::new();
        for _ in 0..length {
            list.push(element(self)?);
        }
        Ok(list)
    }

    /// All input must have been used.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.bytes.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}
