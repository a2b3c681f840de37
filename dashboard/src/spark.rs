//! A line of a few words' width: how a value went, without axes.

/// Width and height, pixels of the page.
const SIZE: (f64, f64) = (84.0, 20.0);
/// Columns of a line; of what falls into one, the highest value is shown.
const COLUMNS: usize = 42;

/// An SVG of values from the oldest to the newest, from 0 to the highest; what is not a number is a gap.
pub fn svg(values: &[f32]) -> String {
    let (width, height) = SIZE;
    let top = values.iter().copied().filter(|value| value.is_finite()).fold(0.0_f32, f32::max);
    let mut path = String::new();
    let mut joined = false;
    let each = values.len().div_ceil(COLUMNS).max(1);
    let columns = values.len().div_ceil(each);
    for (place, group) in values.chunks(each).enumerate() {
        let highest = group.iter().copied().filter(|value| value.is_finite()).fold(f32::NAN, f32::max);
        if highest.is_nan() || top <= 0.0 {
            joined = false;
            continue;
        }
        let x = width * (place + 1) as f64 / columns.max(1) as f64;
        let y = 1.0 + (height - 2.0) * (1.0 - f64::from(highest / top));
        path.push(if joined { 'L' } else { 'M' });
        for number in [x, y] {
            path.push_str(&((number * 10.0) as u32).to_string());
            path.push(' ');
        }
        joined = true;
    }
    format!(r#"<svg viewBox="0 0 {} {}"><path d="{path}"/></svg>"#, (width * 10.0) as u32, (height * 10.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_value_reaches_the_top_and_the_newest_the_right_end() {
        let svg = svg(&[0.0, 10.0]);
        assert_eq!(svg, r#"<svg viewBox="0 0 840 200"><path d="M420 190 L840 10 "/></svg>"#);
    }

    #[test]
    fn gaps_stay_open() {
        let svg = svg(&[1.0, f32::NAN, 1.0, 1.0]);
        assert_eq!(svg.matches('M').count(), 2);
    }

    #[test]
    fn long_lines_are_thinned_without_losing_a_peak() {
        let mut values = vec![1.0; 600];
        values[311] = 50.0;
        let svg = svg(&values);
        assert_eq!(svg.matches('L').count(), 39);
        assert!(svg.contains(" 10 "), "{svg}");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert!(svg(&[]).contains(r#"d="""#));
        assert!(svg(&[0.0, f32::NAN]).contains(r#"d="""#));
    }
}
