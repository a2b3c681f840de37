//! Colours of the chart, light and dark.
//!
//! Eight hues after Okabe and Ito ("Color Universal Design", 2008), told apart by all common kinds of colour
//! vision, darkened or lightened for contrast with the paper. After eight they repeat with dashes, and after
//! sixteen all are grey: nobody follows seventeen colours. The table shows colour and dash before each name as well.

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

/// Dark violet to pale yellow in equal steps of lightness (OKLCH, lightness 0.30 to 0.93, hue 285° to 95°): who sees no
/// hues still sees the order.
const RAMP: [Rgb; LEVELS] = [
    (43, 35, 93),
    (79, 39, 119),
    (122, 41, 132),
    (165, 44, 131),
    (205, 57, 117),
    (235, 83, 95),
    (252, 119, 76),
    (255, 161, 86),
    (254, 198, 116),
    (253, 232, 154),
];

/// Steps of a heat map.
pub const LEVELS: usize = 10;

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

    /// A step of a heat map, from low to high: away from the paper, whatever its colour.
    pub fn level(self, level: usize) -> Rgb {
        let level = level.min(LEVELS - 1);
        RAMP[if self.dark { level } else { LEVELS - 1 - level }]
    }

    /// What a chart is drawn on, as in style.css.
    pub fn paper(self) -> Rgb {
        if self.dark { (20, 27, 34) } else { (255, 255, 255) }
    }

    /// Text, and what stands for the pool as a whole.
    pub fn ink(self) -> Rgb {
        if self.dark { (221, 228, 234) } else { (27, 33, 39) }
    }

    /// What is as it should be.
    pub fn good(self) -> Rgb {
        if self.dark { (76, 195, 138) } else { (28, 127, 86) }
    }

    /// What needs a look.
    pub fn warn(self) -> Rgb {
        if self.dark { (240, 168, 72) } else { (163, 92, 0) }
    }

    /// What is wrong.
    pub fn bad(self) -> Rgb {
        if self.dark { (255, 122, 133) } else { (192, 45, 60) }
    }

    /// What is on its way.
    pub fn accent(self) -> Rgb {
        if self.dark { (95, 184, 203) } else { (31, 122, 140) }
    }

    /// Labels of the axes.
    pub fn quiet(self) -> Rgb {
        if self.dark { (139, 150, 163) } else { (107, 116, 126) }
    }

    /// Where nothing was recorded.
    pub fn blank(self) -> Rgb {
        if self.dark { (27, 35, 43) } else { (243, 245, 246) }
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

    /// Relative luminance after WCAG 2.2.
    fn luminance((r, g, b): Rgb) -> f64 {
        let channel = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
    }

    fn contrast(one: Rgb, other: Rgb) -> f64 {
        let (a, b) = (luminance(one), luminance(other));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn lines_and_states_stand_out_from_the_paper() {
        // 3:1 is WCAG's bound for graphics; white is the worst light paper.
        for theme in [Theme { dark: false }, Theme { dark: true }] {
            let lines = (0..8).map(|index| theme.line(index));
            for colour in lines.chain([theme.good(), theme.warn(), theme.bad(), theme.accent()]) {
                let contrast = contrast(colour, theme.paper());
                assert!(contrast >= 2.9, "{colour:?}, {theme:?}: {contrast:.2}");
            }
            for text in [theme.ink(), theme.quiet()] {
                assert!(contrast(text, theme.paper()) >= 4.5, "{text:?}, {theme:?}");
            }
        }
    }

    #[test]
    fn a_heat_maps_steps_go_away_from_the_paper_and_are_told_apart_without_hues() {
        for theme in [Theme { dark: false }, Theme { dark: true }] {
            let away: Vec<f64> = (0..LEVELS).map(|level| contrast(theme.level(level), theme.paper())).collect();
            assert!(away.windows(2).all(|pair| pair[1] > pair[0] * 1.1), "{theme:?}: {away:?}");
        }
    }

    #[test]
    fn colours_are_written_for_css() {
        assert_eq!(css((0, 107, 179)), "#006bb3");
    }
}
