//! Names at the lines' right ends: how much room they need, and where they go without lying on each other.

/// Size of all text, pixels of the page.
pub(super) const TEXT: f64 = 11.0;
/// Longest label; the table has the whole name.
pub(super) const LONGEST: usize = 18;
/// Width of a character, in text sizes: a canvas could measure, an SVG cannot, and both must come out the same.
const EM: f64 = 0.58;

/// A name in at most so many characters. The middle is left out: names of one pool differ at their ends.
pub(super) fn short(name: &str, most: usize) -> String {
    let count = name.chars().count();
    if count <= most {
        return name.into();
    }
    let (head, tail) = (most.saturating_sub(1) / 2, most / 2);
    name.chars().take(head).chain(['…']).chain(name.chars().skip(count - tail)).collect()
}

/// Width of a text, pixels of the page.
pub(super) fn width(text: &str) -> f64 {
    text.chars().count() as f64 * TEXT * EM
}

/// Width for the widest of some names and its lead.
pub(super) fn room<'a>(names: impl Iterator<Item = &'a str>) -> f64 {
    let longest = names.map(|name| name.chars().count().min(LONGEST)).max().unwrap_or(0);
    14.0 + longest as f64 * TEXT * EM
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
    fn long_names_lose_their_middle_between_characters() {
        assert_eq!(short("größer-als-die-Beschriftung-17", 16), "größer-…ftung-17");
        assert_eq!(short("order-1", 18), "order-1");
        assert_eq!((short("order-1", 3), short("order-1", 0)), ("o…1".into(), "…".into()));
    }
}
