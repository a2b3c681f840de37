//! Which case of ours answers which test of theirs. Every row is a test by the name of theirs.
//!
//! What is alike is what is decided and what is counted. In all rows:
//!
//! - Theirs counts the sum and the mean of durations in a window. Ours does not: no circuit is decided by them, and
//!   people get percentiles.
//! - Where theirs says −1 for a rate that is unknown, and 0 for that of an empty window, ours says none.
//! - Theirs counts the calls that a circuit did not permit since its last change. Ours counts those that a pool
//!   refused, and never sets that back.
//! - Their windows show their counts at any time; of ours, the counts that decided are in the reason of the event.

#![expect(non_snake_case, reason = "the names are theirs")]

use crate::theirs::{AUTO_TRANSITION, Class, FIXED_SIZE, METRICS, SLIDING_TIME, STATE_MACHINE};
use crate::{closed, count_window, half_open, open, operator, time_window};
use Likeness::{Alike, Differs};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Likeness {
    /// The same calls, the same result.
    Alike,
    /// On purpose, and why.
    Differs(&'static str),
}

struct Row {
    class: &'static str,
    theirs: &'static str,
    likeness: Likeness,
}

macro_rules! table {
    ($($class:ident { $($theirs:ident: $ours:path, $likeness:expr;)+ })+) => {
        const ROWS: &[Row] = &[$($(
            Row { class: stringify!($class), theirs: stringify!($theirs), likeness: $likeness },
        )+)+];
        $(mod $class {
            use super::*;
            $(#[test]
            fn $theirs() {
                $ours();
            })+
        })+
    };
}

const TICK_AND_JITTER: &str = "a tick makes the change, not the request that asks, so that one worker decides for all; \
    and the time out is up to a tenth longer, so that endpoints that broke together are not probed together";
const CONFIGURED: &str = "the time out is configured, and up to a tenth longer";
const FIRST_FAILURE: &str = "the first failed probe re-opens: the other permits would be clients' requests that fail";
const NO_RESET: &str = "there is no reset: an endpoint that is disabled and then not any more begins anew";
const MODE: &str = "metrics only is a mode of the pool: there is no such state, and no event when it begins";
const INTERNAL: &str = "theirs looks at an index inside; ours at what the window holds, round after round";

table! {
    CircuitBreakerStateMachineTest {
        shouldReturnTheCorrectName: closed::a_circuit_has_the_name_of_its_endpoint, Alike;
        shouldThrowCallNotPermittedExceptionWhenStateIsOpen: open::requests_are_refused_and_counted, Alike;
        shouldThrowCallNotPermittedExceptionWhenStateIsForcedOpen: operator::forced_open_refuses_and_counts, Alike;
        shouldIncreaseCounterOnReleasePermission: half_open::a_permit_that_comes_back_is_used_again, Alike;
        shouldThrowCallNotPermittedExceptionWhenNotFurtherTestCallsArePermitted:
            half_open::a_fifth_request_is_refused_and_counted, Alike;
        shouldOnlyPermitFourCallsInHalfOpenState: half_open::every_time_it_is_half_open_it_has_four_permits, Alike;
        shouldOpenAfterFailureRateThresholdExceeded2:
            closed::a_rate_that_reaches_its_limit_after_the_minimum_opens, Alike;
        shouldOpenAfterFailureRateThresholdExceeded:
            closed::three_failures_of_five_open_and_the_next_call_is_refused, Alike;
        shouldOpenAfterSlowCallRateThresholdExceeded: closed::three_slow_calls_of_five_open, Alike;
        shouldOpenAfterSlowCallRateThresholdExceededUsingMockClock: closed::slow_calls_open_without_any_failure, Alike;
        shouldTransitionToHalfOpenAfterWaitDuration:
            open::it_is_half_open_after_five_seconds_and_at_most_a_tenth, Differs(TICK_AND_JITTER);
        shouldTransitionToHalfOpenAfterPassedWaitDuration:
            open::it_is_open_for_as_long_as_configured, Differs(CONFIGURED);
        shouldTransitionToHalfOpenAfterPassedWaitUntil:
            open::it_is_open_until_the_time_in_the_record, Differs(CONFIGURED);
        shouldTransitionToHalfOpenAfterWaitInterval:
            open::the_second_time_is_half_as_long_again, Differs(TICK_AND_JITTER);
        shouldTransitionBackToOpenStateWhenFailureRateIsAboveThreshold:
            half_open::the_first_failure_reopens, Differs(FIRST_FAILURE);
        shouldTransitionBackToOpenStateWhenSlowCallRateIsAboveThreshold:
            half_open::most_of_the_probes_being_slow_reopens,
            Differs("more than half of the probes, two at least, whatever the limit for calls is, and as soon as that is \
                certain");
        shouldTransitionBackToClosedStateWhenFailureIsBelowThreshold:
            half_open::only_four_passes_close_and_the_window_begins_anew, Differs(FIRST_FAILURE);
        shouldResetMetrics: operator::disabled_for_a_while_empties_the_window, Differs(NO_RESET);
        shouldDisableCircuitBreaker: operator::disabled_lets_everything_through_and_counts_nothing, Alike;
        shouldForceOpenCircuitBreaker: operator::forced_open_stays_so, Alike;
        shouldReleasePermissionWhenExceptionIgnored: half_open::an_ignored_probe_does_not_count, Differs(FIRST_FAILURE);
        shouldIgnoreExceptionsAndThenTransitionToClosed:
            half_open::as_many_ignored_as_there_are_permits_and_then_it_closes, Alike;
        shouldNotAllowTransitionFromClosedToHalfOpen: closed::no_time_makes_a_closed_circuit_half_open,
            Differs("no call moves a circuit: evidence, time and configuration do, so that all workers agree");
        shouldResetToClosedState: operator::disabled_for_a_while_closes_an_open_circuit, Differs(NO_RESET);
        shouldResetClosedState: operator::disabled_for_a_while_empties_the_window, Differs(NO_RESET);
        shouldResetMetricsAfterMetricsOnlyStateTransition: operator::metrics_only_goes_on_with_the_same_window,
            Differs("a new configuration forgets nothing of what was seen");
        shouldRecordMetricsInMetricsOnlyState:
            operator::metrics_only_tells_of_the_alarm_once_and_lets_everything_through, Alike;
        shouldPublishEachEventOnceInMetricOnlyState:
            operator::metrics_only_tells_of_an_endpoint_once_until_it_would_be_back,
            Differs("one event for an endpoint and not one for each rate, for it tells of an ejection that would have \
                been; and another after the time out, if it still would be");
        allCircuitBreakerStatesAllowTransitionToMetricsOnlyMode: operator::metrics_only_in_every_state,
            Differs("what an endpoint is forced to be, it is in either mode of the pool");
        allCircuitBreakerStatesAllowTransitionToItsOwnState: operator::the_same_configuration_changes_no_state, Alike;
        circuitBreakerDoesNotPublishStateTransitionEventsForInternalTransitions:
            operator::each_change_is_told_once, Differs(MODE);
        circuitBreakerTransitionsToOpenAfterWaitDurationInHalfOpenState:
            half_open::permits_that_were_not_used_expire_and_a_probe_that_hangs_reopens,
            Differs("permits that nobody used say nothing about the endpoint, and are handed out anew; a probe that is \
                out for too long re-opens");
        circuitBreakerTransitionsToClosedAfterWaitDurationInHalfOpenState:
            half_open::no_time_closes_it, Differs("only probes that passed close a circuit");
        circuitBreakerInitializeInClosedState: closed::it_begins_closed_and_opens, Alike;
        circuitBreakerInitializeInOpenState: operator::a_worker_that_starts_takes_over_an_open_circuit,
            Differs("the first state is not configured: it is what the workers' record says");
        circuitBreakerInitializeInMetricOnlyState: operator::metrics_only_from_the_beginning,
            Differs(MODE);
    }
    CircuitBreakerAutoTransitionStateMachineTest {
        testAutoTransition: open::a_tick_makes_it_half_open_and_no_request_has_to_ask, Alike;
        shouldCancelAutoTransition: operator::forced_open_while_open_is_not_half_open_after_the_time_out, Alike;
        notCancelAutoTransitionFutureIfAlreadyDone:
            operator::forced_open_while_half_open_lets_no_probe_through, Alike;
    }
    CircuitBreakerMetricsTest {
        testCircuitBreakerMetrics: count_window::rates_are_judged_from_the_minimum_on, Alike;
    }
    FixedSizeSlidingWindowMetricsTest {
        checkInitialBucketCreation: count_window::a_new_one_is_empty, Alike;
        testRecordSuccess: count_window::a_success_counts, Alike;
        testRecordError: count_window::a_failure_counts, Alike;
        testRecordSlowSuccess: count_window::a_slow_success_counts_as_slow, Alike;
        testSlowCallsPercentage: count_window::two_slow_of_five_are_40_percent, Alike;
        testMoveHeadIndexByOne: count_window::a_full_one_forgets_the_oldest_round_after_round, Differs(INTERNAL);
        testSlidingWindowMetrics: count_window::a_failure_leaves_with_the_fifth_call_of_four, Alike;
        testSlidingWindowMetricsWithSlowCalls: count_window::slow_calls_leave_a_window_of_two, Alike;
    }
    SlidingTimeWindowMetricsTest {
        checkInitialBucketCreation: time_window::a_new_one_is_empty_whatever_the_time,
            Differs("no bucket knows its second, so there is none to look at");
        testRecordSuccess: time_window::a_success_counts, Alike;
        testRecordError: time_window::a_failure_counts, Alike;
        testRecordSlowSuccess: time_window::a_slow_success_counts_as_slow, Alike;
        testSlowCallsPercentage: time_window::two_slow_of_five_are_40_percent, Alike;
        testMoveHeadIndexByOne: time_window::buckets_are_used_again_round_after_round, Differs(INTERNAL);
        shouldClearSlidingTimeWindowMetrics: time_window::five_seconds_without_calls_clear_it, Alike;
        testSlidingTimeWindowMetrics: time_window::it_forgets_second_by_second, Alike;
    }
}

#[test]
fn every_test_of_theirs_has_one_row() {
    const ALL: [Class; 5] = [STATE_MACHINE, AUTO_TRANSITION, METRICS, FIXED_SIZE, SLIDING_TIME];
    assert_eq!(ALL.map(|(_, tests)| tests.len()), [36, 3, 1, 8, 8]);
    let theirs = ALL.iter().flat_map(|(class, tests)| tests.iter().map(|test| (*class, *test)));
    assert_eq!(ROWS.iter().map(|row| (row.class, row.theirs)).collect::<Vec<_>>(), theirs.collect::<Vec<_>>());
}

#[test]
fn every_difference_says_why() {
    let reasons = ROWS.iter().filter_map(|row| match row.likeness {
        Alike => None,
        Differs(why) => Some((row.theirs, why)),
    });
    for (theirs, why) in reasons {
        assert!(why.len() > 20, "{theirs}: {why:?}");
    }
}
