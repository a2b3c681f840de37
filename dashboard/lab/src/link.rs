//! A setup as the fragment of a link, and back: [`plimsoll_sim::wire`], then base64 in the alphabet of addresses, with a
//! version in front and a checksum at the end. The changed settings are written as what differs from the present ones.
//! Addresses of endpoints are not in it; their names are, and one that has no name of its own is called by its address.

use super::setup::{MAX_SEEDS, MAX_WORKERS, Setup, Source, blank};
use plimsoll_engine::address_key;
use plimsoll_sim::wire::{Wire, fault, scenario};
use plimsoll_sim::{Fault, FaultKind, Targets};
use std::time::Duration;

/// Stands in front; another format gets another one.
const VERSION: char = '1';
/// Longer ones are refused unread: the largest setup that the lab plays has some 60 KB.
const LONGEST: usize = 200_000;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Setup {
    /// Letters, digits, `-` and `_` only.
    ///
    /// # Errors
    /// The setup has something in it that has no place in a link, named.
    pub fn to_link(&self) -> Result<String, String> {
        let mut wire = Wire::writer();
        walk(&mut wire, &mut self.clone());
        let mut bytes = wire.written().map_err(|part| format!("{part} has no place in a link"))?;
        bytes.extend_from_slice(&checksum(&bytes));
        let mut link = String::from(VERSION);
        for three in bytes.chunks(3) {
            let at = |index: usize| three.get(index).copied().map_or(0, u32::from);
            let word = at(0) << 16 | at(1) << 8 | at(2);
            for place in 0..=three.len() as u32 {
                let letter = ALPHABET[(word >> (18 - 6 * place)) as usize & 63];
                link.push(char::from(letter));
            }
        }
        Ok(link)
    }

    /// Reads what [`Setup::to_link`] wrote. What it gives is within the ranges of scenario files; [`Setup::check`] says
    /// whether a page can play it.
    ///
    /// # Errors
    /// One line that says what is wrong with the link.
    pub fn from_link(link: &str) -> Result<Self, String> {
        let damaged = |why: &str| format!("this link to the lab is damaged: {why}");
        if link.len() > LONGEST {
            return Err(damaged("it is too long"));
        }
        let Some(letters) = link.strip_prefix(VERSION) else {
            return Err(match link.chars().next() {
                Some(other) => format!("this link to the lab has version {other}, this page reads {VERSION}"),
                None => damaged("it is empty"),
            });
        };
        let mut bytes = decoded(letters).ok_or_else(|| damaged("it has characters that no link has"))?;
        let Some(length) = bytes.len().checked_sub(4) else { return Err(damaged("it is cut short")) };
        let sum = bytes.split_off(length);
        if checksum(&bytes) != sum.as_slice() {
            return Err(damaged("it is cut short or changed, its checksum is another"));
        }
        let mut setup = Self {
            source: Source::BuiltIn(String::new()),
            scenario: blank(),
            fault: None,
            seeds: 1,
            workers: 1,
            present: String::new(),
            changed: String::new(),
        };
        let mut wire = Wire::reader(bytes);
        walk(&mut wire, &mut setup);
        wire.read().map_err(|part| damaged(&format!("{part} is out of range")))?;
        Ok(setup)
    }
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    (address_key(bytes) as u32).to_le_bytes()
}

fn decoded(letters: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for four in letters.as_bytes().chunks(4) {
        let mut word = 0;
        for place in 0..4 {
            let letter = four.get(place).copied().unwrap_or(b'A');
            word = word << 6 | ALPHABET.iter().position(|known| *known == letter)? as u32;
        }
        let [_, all @ ..] = word.to_be_bytes();
        bytes.extend_from_slice(all.get(..four.len().checked_sub(1)?)?);
    }
    Some(bytes)
}

fn walk(wire: &mut Wire, setup: &mut Setup) {
    let (live, name) = match &mut setup.source {
        Source::BuiltIn(name) => (0, std::mem::take(name)),
        Source::Live(name) => (1, std::mem::take(name)),
    };
    let mut name = name;
    let live = wire.choice("source", live, 2);
    wire.text("source", &mut name);
    setup.source = if live == 1 { Source::Live(name) } else { Source::BuiltIn(name) };
    scenario(wire, &mut setup.scenario);
    let mut there = setup.fault.is_some();
    wire.flag("fault", &mut there);
    if there {
        let blank =
            || Fault { targets: Targets::All, from: Duration::ZERO, to: None, flapping: None, kind: FaultKind::Hang };
        fault(wire, setup.fault.get_or_insert_with(blank));
    }
    wire.short("seeds", &mut setup.seeds, 1, MAX_SEEDS);
    wire.short("workers", &mut setup.workers, 1, MAX_WORKERS);
    wire.text("present", &mut setup.present);
    changed(wire, setup);
}

/// What it has in common with the present settings at both ends, and what is between.
fn changed(wire: &mut Wire, setup: &mut Setup) {
    let (present, changed) = (setup.present.as_bytes(), setup.changed.as_bytes());
    let alike = |pair: &(&u8, &u8)| pair.0 == pair.1;
    let mut front = present.iter().zip(changed).take_while(alike).count();
    while !setup.present.is_char_boundary(front) {
        front -= 1;
    }
    let most = present.len().min(changed.len()) - front;
    let mut back = present.iter().rev().zip(changed.iter().rev()).take(most).take_while(alike).count();
    while !setup.present.is_char_boundary(present.len() - back) {
        back -= 1;
    }
    let (mut head, mut tail) = (front as u32, back as u32);
    let mut between = setup.changed.get(front..changed.len() - back).unwrap_or_default().to_owned();
    let all = setup.present.len() as u32;
    wire.short("changed", &mut head, 0, all);
    wire.short("changed", &mut tail, 0, all - head.min(all));
    wire.text("changed", &mut between);
    let ends = (setup.present.get(..head as usize), setup.present.get((all - tail.min(all)) as usize..));
    match ends {
        (Some(head), Some(tail)) => setup.changed = [head, &between, tail].concat(),
        _ => wire.refuse("changed"),
    }
}
