//! Names at the lines' right ends: how much room they need, and where they go without lying on each other.

use super::Line;

/// Longest label; the table has the whole name.
const LONGEST: usize = 18;

/// A name that fits.
pub(super) fn short(name: &str) -> String {
    if name.chars().count() <= LONGEST {
        return name.into();
    }
    name.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// Width for the widest label and its lead, in pixels of the page, guessed from the number of characters: a
/// canvas could measure, an SVG cannot, and both must come out the same.
pub(super) fn room(lines: &[Line], text: f64) -> f64 {
    let longest = lines.iter().map(|line| line.label.chars().count().min(LONGEST)).max().unwrap_or(0);
    12.0 + longest as f64 * text * 0.62
}

/// Places for labels that want to be at `wanted` (rising), at least `gap` apart and within `bounds` where that
/// is possible. Labels that do not fit are left out from the end.
pub(super) fn apart(wanted: &[i32], gap: i32, bounds: (i32, i32)) -> Vec<i32> {
    let room = usize::try_from((bounds.1 - bounds.0) / gap.max(1)).map_or(1, |fits| fits + 1);
    let mut places: Vec<i32> = Vec::with_capacity(wanted.len().min(room));
    for &want in wanted.iter().take(room) {
        let least = places.last().map_or(bounds.0, |above| above + gap);
        places.push(want.max(least));
    }
    let mut most = bounds.1;
    for place in places.iter_mut().rev() {
        *place = (*place).min(most);
        most = *place - gap;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_with_room_stay_at_their_lines() {
        assert_eq!(apart(&[10, 50, 90], 12, (0, 100)), [10, 50, 90]);
    }

    #[test]
    fn labels_on_the_same_spot_move_apart() {
        assert_eq!(apart(&[50, 50, 51], 12, (0, 100)), [50, 62, 74]);
    }

    #[test]
    fn labels_at_the_bottom_move_up() {
        assert_eq!(apart(&[95, 99, 100], 12, (0, 100)), [76, 88, 100]);
    }

    #[test]
    fn labels_without_room_are_left_out() {
        assert_eq!(apart(&[0; 50], 10, (0, 40)), [0, 10, 20, 30, 40]);
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(short("größer-als-die-Beschriftung"), "größer-als-die-Be…");
        assert_eq!(short("order-1"), "order-1");
    }
}
