use super::*;
use crate::comparison::{Estimate, FIGURES};
use crate::words::{self, fixed, verdict};

fn estimate(mean: f64, half: Option<f64>) -> Option<Estimate> {
    Some(Estimate { mean, half, count: 5 })
}

fn of(figure: usize, difference: Option<Estimate>) -> Row {
    let present = estimate(20.0, Some(1.0));
    let changed = difference.and_then(|difference| estimate(20.0 + difference.mean, Some(1.0)));
    Row { figure: FIGURES[figure], present, changed, difference }
}

#[test]
fn a_difference_is_judged_only_where_it_is_sure_and_by_what_clients_want() {
    let judged = |figure, mean, half| verdict(&of(figure, estimate(mean, half)));
    let words = |figure, mean, half| {
        let (tone, words): (&str, String) = judged(figure, mean, half);
        (tone, &*words.leak())
    };
    assert_eq!(words(0, -2.0, Some(0.5)), ("good", "✓ better"));
    assert_eq!(words(0, 2.0, Some(0.5)), ("bad", "✕ worse"));
    assert_eq!(words(2, 2.0, Some(0.5)), ("good", "✓ better"));
    assert_eq!(words(2, -2.0, Some(0.5)), ("bad", "✕ worse"));
    assert_eq!(words(4, 2.0, Some(0.5)), ("", "more"));
    assert_eq!(words(4, -2.0, Some(0.5)), ("", "fewer"));
    assert_eq!(words(0, 2.0, Some(2.5)).1, "no clear difference");
    assert_eq!(words(0, 2.0, None).1, "not sure after one seed");
    assert_eq!((words(0, 0.0, Some(0.0)).1, words(0, 0.0, None).1), ("the same", "the same"));
    // Seeds without it are the bad ones: those with it are not compared with all of the other side.
    let found = |count| (count > 0).then_some(Estimate { mean: 1.0, half: None, count });
    let only = |present, changed| verdict(&Row { present: found(present), changed: found(changed), ..of(6, None) }).1;
    assert_eq!([only(5, 0), only(5, 3), only(0, 0)], ["in 5 and 0 seeds", "in 5 and 3 seeds", ""]);
}

#[test]
fn numbers_are_written_with_the_digits_asked_for() {
    let texts = [(0.0, 2), (-0.004, 2), (-1.237, 2), (99.999, 2), (1234.56, 1), (0.05, 1), (7.0, 0), (f64::NAN, 1)];
    let texts = texts.map(|(value, digits)| fixed(value, digits));
    assert_eq!(texts, ["0.00", "0.00", "−1.24", "100.00", "1234.6", "0.0", "7", "–"]);
}

#[test]
fn a_row_says_units_and_what_it_means() {
    let line = words::line(&of(0, estimate(-2.0, Some(0.5))));
    assert_eq!(
        line,
        ["p50_ms", "✓ better", "median", "20.0", " ms", "18.0", " ms", "−2.0 ± 0.5", " ms", "good", "✓ better"]
    );
    let line = words::line(&Row { changed: None, ..of(6, None) });
    assert_eq!(line[3..9], ["20.0", " s", "–", "", "–", ""]);
    assert_eq!(words::lines(&played(&failing(), u64::MAX).result()).len(), FIGURES.len());
}

#[test]
fn faults_are_told_with_their_time() {
    let told = words::assumptions(&Setup::built_in("slow").expect("it comes with the page")).join("\n");
    assert!(told.contains("Endpoint 0: takes 10.0 times as long. From 5s on."), "{told}");
    let mut setup = failing();
    setup.fault.as_mut().expect("a fault").to = Some(Duration::from_millis(2_500));
    let told = words::assumptions(&setup).join("\n");
    assert!(told.contains("50.0 % of the answers are errors. From 1s to 2500ms."), "{told}");
    assert!(words::about(&super::lives::setup()).contains("orders"));
    assert!(words::about(&setup).contains("."), "{}", words::about(&setup));
}
