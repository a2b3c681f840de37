//! Colours of the chart, light and dark.
//!
//! Eight hues after Okabe and Ito ("Color Universal Design", 2008), told apart by all common kinds of colour
//! vision, darkened or lightened for contrast with the paper. After eight they repeat with dashes, and after
//! sixteen all are grey: nobody follows seventeen colours. The table's swatches show colour and dash as well.

/// Red, green, blue.
pub type Rgb = (u8, u8, u8);

/// How many lines have a hue and a dash of their own.
pub const DISTINCT: usize = 16;

const LIGHT: [Rgb; 8] = [
    (0, 107, 179),
    (201, 82, 0),
    (0, 138, 99),
    (176, 74, 138),
    (62, 158, 214),
    (196, 138, 0),
    (96, 88, 176),
    (92, 99, 107),
];
const DARK: [Rgb; 8] = [
    (77, 163, 230),
    (242, 122, 61),
    (46, 194, 148),
    (226, 142, 194),
    (142, 208, 245),
    (240, 180, 60),
    (163, 155, 240),
    (168, 177, 188),
];

/// Colours for everything in a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Dark paper.
    pub dark: bool,
}

impl Theme {
    /// The colour of the line with this place in the table.
    pub fn line(self, index: usize) -> Rgb {
        if index >= DISTINCT {
            return self.quiet();
        }
        let hues = if self.dark { &DARK } else { &LIGHT };
        hues[index % hues.len()]
    }

    /// Labels of the axes.
    pub fn quiet(self) -> Rgb {
        if self.dark { (139, 150, 163) } else { (107, 116, 126) }
    }

    /// Lines of the grid.
    pub fn grid(self) -> Rgb {
        if self.dark { (38, 47, 57) } else { (230, 233, 236) }
    }
}

/// Whether the line with this place in the table is dashed.
pub fn dashed(index: usize) -> bool {
    (LIGHT.len()..DISTINCT).contains(&index)
}

/// A colour as CSS writes it.
pub fn css((red, green, blue): Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn sixteen_lines_differ_in_colour_or_dash_in_both_themes() {
        for dark in [false, true] {
            let marks: BTreeSet<_> = (0..DISTINCT).map(|index| (Theme { dark }.line(index), dashed(index))).collect();
            assert_eq!(marks.len(), DISTINCT);
        }
    }

    #[test]
    fn lines_stand_out_from_the_paper() {
        // Relative luminance and contrast after WCAG 2.2; 3:1 is its bound for graphics, white its worst light.
        let channel = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        let luminance = |(r, g, b): Rgb| 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
        for (dark, paper) in [(false, (255, 255, 255)), (true, (20, 27, 34))] {
            for index in 0..8 {
                let (a, b) = (luminance(Theme { dark }.line(index)), luminance(paper));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 2.9, "line {index}, dark {dark}: {contrast:.2}");
            }
        }
    }

    #[test]
    fn colours_are_written_for_css() {
        assert_eq!(css((0, 107, 179)), "#006bb3");
    }
}
