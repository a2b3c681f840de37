//! A table of text with aligned columns, for a terminal or for Markdown.

use std::fmt::Write as _;

/// Where a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Names.
    Left,
    /// Numbers.
    Right,
}

/// A table that grows row by row.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads.
    #[must_use]
    pub fn new(columns: &[(&str, Align)]) -> Self {
        let columns = columns.iter().map(|(name, align)| ((*name).to_owned(), *align)).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row. Cells that are missing stay empty, cells beyond the last column are dropped.
    pub fn push(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        let mut row: Vec<String> = cells.into_iter().map(Into::into).take(self.columns.len()).collect();
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
    }

    /// For a terminal: columns two blanks apart, no line ends in blanks.
    #[must_use]
    pub fn plain(&self) -> String {
        let mut text = String::new();
        let heads: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        for row in std::iter::once(&heads).chain(&self.rows) {
            let line = self.pad(row).join("  ");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// For Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let heads: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let widths = self.widths();
        let rules = self.columns.iter().zip(&widths).map(|((_, align), width)| match align {
            Align::Left => format!("{:-<width$}", "-"),
            Align::Right => format!("{:-<1$}:", "-", width.saturating_sub(1).max(1)),
        });
        let rules: Vec<String> = rules.collect();
        // Writing to a String cannot fail.
        let mut line = |cells: Vec<String>| writeln!(text, "| {} |", cells.join(" | ")).unwrap_or_default();
        line(self.pad(&heads));
        line(rules);
        for row in &self.rows {
            line(self.pad(row));
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let width = |(index, (name, _)): (usize, &(String, Align))| {
            let cells = self.rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count());
            cells.max().unwrap_or(0).max(name.chars().count())
        };
        self.columns.iter().enumerate().map(width).collect()
    }

    fn pad(&self, row: &[String]) -> Vec<String> {
        let cells = row.iter().zip(&self.columns).zip(self.widths());
        cells
            .map(|((cell, (_, align)), width)| match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_in_both_forms() {
        let mut table = Table::new(&[("who", Align::Left), ("p99 ms", Align::Right)]);
        table.push(["peak_ewma", "3.27 ± .1"]);
        table.push(["jsq", "3"]);
        table.push(["short"]);
        assert_eq!(table.plain(), "who           p99 ms\npeak_ewma  3.27 ± .1\njsq                3\nshort\n");
        let want = "| who       |    p99 ms |\n| --------- | --------: |\n| peak_ewma | 3.27 ± .1 |\n\
                    | jsq       |         3 |\n| short     |           |\n";
        assert_eq!(table.markdown(), want);
    }
}
