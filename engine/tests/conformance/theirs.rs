//! The names of resilience4j's tests, class by class and in the order of the files, as of its commit af9e7c979
//! (5 May 2026, after 2.4.0; the same tests as in 2.4.0).
//!
//! Left out, because they ask nothing about what a window or a circuit decides:
//!
//! - `LockFreeFixedSizeSlidingWindowMetricsTest`, `LockFreeSlidingTimeWindowMetricsTest`,
//!   `LockFreeMetricsContentionTest`: threads that share a window. Ours has one owner, and workers meet in the record
//!   of circuits.
//! - `CircuitBreakerStateMachineThreadModeTest`: the kind of thread that a timer runs on. Ours has no timer.

/// A class and its tests.
pub(crate) type Class = (&'static str, &'static [&'static str]);

pub(crate) const STATE_MACHINE: Class = (
    "CircuitBreakerStateMachineTest",
    &[
        "shouldReturnTheCorrectName",
        "shouldThrowCallNotPermittedExceptionWhenStateIsOpen",
        "shouldThrowCallNotPermittedExceptionWhenStateIsForcedOpen",
        "shouldIncreaseCounterOnReleasePermission",
        "shouldThrowCallNotPermittedExceptionWhenNotFurtherTestCallsArePermitted",
        "shouldOnlyPermitFourCallsInHalfOpenState",
        "shouldOpenAfterFailureRateThresholdExceeded2",
        "shouldOpenAfterFailureRateThresholdExceeded",
        "shouldOpenAfterSlowCallRateThresholdExceeded",
        "shouldOpenAfterSlowCallRateThresholdExceededUsingMockClock",
        "shouldTransitionToHalfOpenAfterWaitDuration",
        "shouldTransitionToHalfOpenAfterPassedWaitDuration",
        "shouldTransitionToHalfOpenAfterPassedWaitUntil",
        "shouldTransitionToHalfOpenAfterWaitInterval",
        "shouldTransitionBackToOpenStateWhenFailureRateIsAboveThreshold",
        "shouldTransitionBackToOpenStateWhenSlowCallRateIsAboveThreshold",
        "shouldTransitionBackToClosedStateWhenFailureIsBelowThreshold",
        "shouldResetMetrics",
        "shouldDisableCircuitBreaker",
        "shouldForceOpenCircuitBreaker",
        "shouldReleasePermissionWhenExceptionIgnored",
        "shouldIgnoreExceptionsAndThenTransitionToClosed",
        "shouldNotAllowTransitionFromClosedToHalfOpen",
        "shouldResetToClosedState",
        "shouldResetClosedState",
        "shouldResetMetricsAfterMetricsOnlyStateTransition",
        "shouldRecordMetricsInMetricsOnlyState",
        "shouldPublishEachEventOnceInMetricOnlyState",
        "allCircuitBreakerStatesAllowTransitionToMetricsOnlyMode",
        "allCircuitBreakerStatesAllowTransitionToItsOwnState",
        "circuitBreakerDoesNotPublishStateTransitionEventsForInternalTransitions",
        "circuitBreakerTransitionsToOpenAfterWaitDurationInHalfOpenState",
        "circuitBreakerTransitionsToClosedAfterWaitDurationInHalfOpenState",
        "circuitBreakerInitializeInClosedState",
        "circuitBreakerInitializeInOpenState",
        "circuitBreakerInitializeInMetricOnlyState",
    ],
);

pub(crate) const AUTO_TRANSITION: Class = (
    "CircuitBreakerAutoTransitionStateMachineTest",
    &["testAutoTransition", "shouldCancelAutoTransition", "notCancelAutoTransitionFutureIfAlreadyDone"],
);

pub(crate) const METRICS: Class = ("CircuitBreakerMetricsTest", &["testCircuitBreakerMetrics"]);

pub(crate) const FIXED_SIZE: Class = (
    "FixedSizeSlidingWindowMetricsTest",
    &[
        "checkInitialBucketCreation",
        "testRecordSuccess",
        "testRecordError",
        "testRecordSlowSuccess",
        "testSlowCallsPercentage",
        "testMoveHeadIndexByOne",
        "testSlidingWindowMetrics",
        "testSlidingWindowMetricsWithSlowCalls",
    ],
);

pub(crate) const SLIDING_TIME: Class = (
    "SlidingTimeWindowMetricsTest",
    &[
        "checkInitialBucketCreation",
        "testRecordSuccess",
        "testRecordError",
        "testRecordSlowSuccess",
        "testSlowCallsPercentage",
        "testMoveHeadIndexByOne",
        "shouldClearSlidingTimeWindowMetrics",
        "testSlidingTimeWindowMetrics",
    ],
);
