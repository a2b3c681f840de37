//! What VMs share: shared data, queues, metrics; and misuse of each.

use crate::guests::puppet;
use crate::guests::stage::{IN, OUT, Stage, word};
use plimsoll_host_tests::host::{
    AbiVersion, CallbackKind, Eviction, HostCall, Plugin, Profile, QueueOwner, Status, Vm,
};

const OK: u32 = word(Status::Ok);
const BAD: u32 = word(Status::BadArgument);
const NOT_FOUND: u32 = word(Status::NotFound);
const MEMORY: u32 = word(Status::InvalidMemoryAccess);

fn set(stage: &mut Stage, key: &str, value: &str, cas: u32) -> u32 {
    stage.put(IN, format!("{key}{value}"));
    let (key, value) = (key.len() as u32, value.len() as u32);
    stage.call(HostCall::SetSharedData, &[IN, key, IN + key, value, cas])
}

/// Status, value and number of a key.
fn get(stage: &mut Stage, key: &str) -> (u32, Vec<u8>, u32) {
    stage.put(IN, key);
    stage.put(OUT, [0; 12]);
    let status = stage.call(HostCall::GetSharedData, &[IN, key.len() as u32, OUT, OUT + 4, OUT + 8]);
    (status, stage.told(OUT), stage.word(OUT + 8))
}

#[test]
fn a_key_has_a_value_and_a_number_and_may_be_empty() {
    let mut stage = Stage::envoy();
    assert_eq!(get(&mut stage, "k"), (NOT_FOUND, vec![], 0));
    assert_eq!(set(&mut stage, "k", "", 77), OK, "any number inserts");
    let (status, value, cas) = get(&mut stage, "k");
    assert_eq!((status, value.as_slice()), (OK, &b""[..]));
    assert_eq!(set(&mut stage, "k", "v", cas + 1), word(Status::CasMismatch));
    assert_eq!(set(&mut stage, "k", "v", cas), OK);
    assert_eq!(set(&mut stage, "", "nameless", 0), OK);
    assert_eq!(get(&mut stage, "").1, b"nameless");
    for arguments in [[u32::MAX, 1, IN, 1, 0], [IN, 1, IN, u32::MAX, 0]] {
        assert_eq!(stage.call(HostCall::SetSharedData, &arguments), MEMORY);
    }
    stage.put(IN, "k");
    for (at, arguments) in
        [[u32::MAX, 1, OUT, OUT, OUT], [IN, 1, u32::MAX, OUT, OUT], [IN, 1, OUT, OUT, u32::MAX]].into_iter().enumerate()
    {
        assert_eq!(stage.call(HostCall::GetSharedData, &arguments), MEMORY, "{at}");
    }
}

#[test]
fn a_host_that_evicts_keeps_what_is_used() {
    let profile = Profile::envoy().evicting(Eviction { bytes: 64, keys: 8 });
    let mut stage = Stage::new(profile);
    set(&mut stage, "old", "v", 0);
    set(&mut stage, "used", "v", 0);
    for at in 0..16 {
        assert_eq!(set(&mut stage, &format!("k{at}"), "0123", 0), OK);
        assert_eq!(get(&mut stage, "used").0, OK);
    }
    assert_eq!(get(&mut stage, "old").0, NOT_FOUND);
    assert!(stage.world.store().evicted() > 8);
    assert_eq!(set(&mut stage, "big", &"x".repeat(65), 0), word(Status::InternalFailure));
}

#[test]
fn queues_are_found_by_name_in_any_vm_and_told_to_the_last_root() {
    let mut stage = Stage::envoy();
    let stream = stage.paused_request();
    stage.put(IN, "queuetestitem");
    let tick = CallbackKind::Tick;
    assert_eq!(stage.call(HostCall::ResolveQueue, &[IN + 5, 4, IN, 5, OUT]), NOT_FOUND);
    assert_eq!(
        stage.call_in(tick, stream, HostCall::RegisterQueue, &[IN, 5, OUT]),
        OK,
        "a stream does it for its root"
    );
    let queue = stage.word(OUT);
    assert_eq!(stage.call(HostCall::ResolveQueue, &[IN + 5, 4, IN, 5, OUT + 4]), OK);
    assert_eq!(stage.word(OUT + 4), queue);
    assert_eq!(stage.call(HostCall::ResolveQueue, &[IN, 0, IN, 5, OUT + 8]), OK, "no name is the own VM's");
    assert_eq!(stage.call(HostCall::Enqueue, &[queue, IN + 9, 4]), OK);
    let owner = QueueOwner { vm: "worker-0".into(), root: stage.root, queue };
    assert_eq!(stage.world.store().take_ready(), [owner]);
    assert_eq!(stage.call(HostCall::Dequeue, &[queue, OUT, OUT + 4]), OK);
    assert_eq!(stage.told(OUT), b"item");
    assert_eq!(stage.call(HostCall::Dequeue, &[queue, OUT, OUT + 4]), word(Status::Empty));
    for token in [0, queue + 1, u32::MAX] {
        assert_eq!(stage.call(HostCall::Enqueue, &[token, IN, 1]), NOT_FOUND);
        assert_eq!(stage.call(HostCall::Dequeue, &[token, OUT, OUT + 4]), NOT_FOUND);
    }
    assert_eq!(stage.call(HostCall::Enqueue, &[queue, u32::MAX, 1]), MEMORY);
    assert_eq!(stage.call(HostCall::RegisterQueue, &[u32::MAX, 1, OUT]), MEMORY);
    assert_eq!(stage.call(HostCall::ResolveQueue, &[IN, 1, u32::MAX, 1, OUT]), MEMORY);
    assert_eq!(stage.call(HostCall::Enqueue, &[queue, IN, 4]), OK);
    assert_eq!(stage.call(HostCall::Dequeue, &[queue, u32::MAX, OUT]), MEMORY);
    assert_eq!(stage.world.store().queue_len(queue), 0, "it is lost, as in Envoy");
}

#[test]
fn metrics_are_common_and_their_ids_are_not() {
    let mut stage = Stage::envoy();
    stage.put(IN, "name");
    let mut define = |kind| {
        let status = stage.call(HostCall::DefineMetric, &[kind, IN, 4, OUT]);
        (status, stage.word(OUT))
    };
    assert_eq!([define(0), define(0), define(1), define(2)], [(OK, 4), (OK, 8), (OK, 5), (OK, 6)]);
    assert_eq!(define(3).0, BAD);
    let mut on = |call, id, words: [u32; 2]| stage.call(call, &[id, words[0], words[1]]);
    let (increment, record) = (HostCall::IncrementMetric, HostCall::RecordMetric);
    assert_eq!([on(increment, 4, [2, 0]), on(increment, 8, [3, 0]), on(record, 4, [5, 0])], [OK; 3]);
    assert_eq!([on(increment, 4, [0, 0]), on(increment, 4, [u32::MAX; 2])], [BAD; 2], "counters only grow");
    assert_eq!([on(increment, 5, [u32::MAX; 2]), on(record, 6, [7, 1])], [OK; 2]);
    assert_eq!([on(increment, 6, [1, 0]), on(increment, 7, [1, 0])], [BAD; 2]);
    assert_eq!([on(record, 7, [1, 0]), on(record, 12, [1, 0]), on(increment, 12, [1, 0])], [NOT_FOUND; 3]);
    assert_eq!([on(increment, 0, [1, 0]), on(record, u32::MAX - 3, [1, 0])], [NOT_FOUND; 2]);
    assert_eq!(stage.call(HostCall::GetMetric, &[4, OUT]), OK);
    assert_eq!((stage.word(OUT), stage.word(OUT + 4)), (10, 0));
    assert_eq!([6, 7].map(|id| stage.call(HostCall::GetMetric, &[id, OUT])), [BAD; 2]);
    assert_eq!([0, 12].map(|id| stage.call(HostCall::GetMetric, &[id, OUT])), [NOT_FOUND; 2]);
    assert_eq!(stage.call(HostCall::GetMetric, &[4, u32::MAX]), MEMORY);
    assert_eq!(stage.call(HostCall::DefineMetric, &[0, u32::MAX, 4, OUT]), MEMORY);
    assert_eq!(stage.world.store().metrics.gauge("name"), Some(u64::MAX));
    assert_eq!(stage.world.store().metrics.histogram("name"), Some(&[7 + (1 << 32)][..]));
    // Another VM of the same world counts its ids from the start.
    let mut other =
        Vm::new(&puppet::guest(AbiVersion::V0_2_1), "worker-1", "test", &stage.world).expect("instantiates");
    puppet::put_word(&mut other, puppet::ANSWER, 1);
    let root = other.start_root(&Plugin::new("r", "")).expect("starts");
    puppet::put(&mut other, IN, b"name");
    let number = puppet::number(AbiVersion::V0_2_1, HostCall::DefineMetric).expect("there");
    puppet::write_script(&mut other, &[(number, vec![0, IN, 4, OUT])]);
    other.tick(root).expect("ticks");
    assert_eq!(puppet::word(&other, OUT), 4);
    assert_eq!(stage.world.store().metrics.counter("name"), Some(10));
}
