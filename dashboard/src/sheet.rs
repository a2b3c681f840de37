//! The rows of a table as a form and its values: what stays the same in every row is written once, as HTML, and a row is the
//! texts that are put into it. A table of thousands of changing figures costs a comparison for each, and touches those
//! elements only whose value has changed.
//!
//! An element of a form says with `data-s` what of it is filled in, in words that stand for one value each:
//!
//! - `.` its text: the text that it begins with, which has to be there (`-` in our forms)
//! - `<` what it holds, as SVG of our own; never anything that came from outside
//! - `#` what is drawn on it: a [`crate::strip::Strip`]
//! - any other word: the attribute of this name
//!
//! Values come in the order of the elements in the document, and of the words within an element.

use crate::format::Quantity;

/// The attribute that says what is filled in.
pub const SLOTS: &str = "data-s";

/// What of an element a value fills in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Its first text.
    Text,
    /// All that it holds.
    Drawing,
    /// What is drawn on this canvas.
    Strip,
    /// The attribute of this name.
    Attribute(String),
}

/// What [`SLOTS`] of an element says.
pub fn slots(words: &str) -> impl Iterator<Item = Slot> {
    words.split_ascii_whitespace().map(|word| match word {
        "." => Slot::Text,
        "<" => Slot::Drawing,
        "#" => Slot::Strip,
        name => Slot::Attribute(name.to_owned()),
    })
}

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// A row is kept as long as there is one with its key.
    pub key: String,
    /// What is put into the form.
    pub values: Vec<String>,
}

impl Line {
    /// A row without values.
    pub fn new(key: &str) -> Line {
        Line { key: key.to_owned(), values: Vec::with_capacity(32) }
    }

    /// The next value.
    #[inline(never)]
    pub fn put(&mut self, value: &str) -> &mut Line {
        self.values.push(value.to_owned());
        self
    }

    /// The next: digits and their unit, in one text. An element for the unit would have the browser lay out twice as much
    /// in each of hundreds of cells that change every second.
    #[inline(never)]
    pub fn figure(&mut self, figure: &Quantity) -> &mut Line {
        self.put(&figure.to_string())
    }
}

/// How many values a form takes.
#[cfg(test)]
pub(crate) fn places(form: &str) -> usize {
    let begin = format!("{SLOTS}=\"");
    let lists = form.split(&begin).skip(1);
    lists.map(|rest| slots(rest.split('"').next().unwrap_or_default()).count()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_is_filled_in() {
        let found: Vec<Slot> = slots("class . < #").collect();
        assert_eq!(found, [Slot::Attribute("class".into()), Slot::Text, Slot::Drawing, Slot::Strip]);
        assert_eq!(places(r#"<td data-s="class .">-<b data-s=".">-</b></td>"#), 3);
    }

    #[test]
    fn a_figure_is_one_text_with_its_unit() {
        let figures = [Quantity { value: "4.1".into(), unit: "ms" }, Quantity { value: "–".into(), unit: "" }];
        let mut line = Line::new("a");
        line.figure(&figures[0]).figure(&figures[1]);
        assert_eq!(line.values, ["4.1 ms", "–"]);
    }
}
