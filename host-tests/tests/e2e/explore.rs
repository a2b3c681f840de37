use super::support::*;
use plimsoll_host_tests::bed::{Behaviour};
use serde_json::json;
use std::time::Duration;

fn dump(bed: &Bed, name: &str, skip: usize) {
    for l in bed.envoy.log()[skip..].lines().filter(|l| l.contains("XPL")) { println!("{name}: {}", l.split("XPL").nth(1).unwrap()); }
}

#[tokio::test]
async fn explore() {
    let wasm = std::env::var("XPL").unwrap();
    for request in [false, true] {
    println!("=========== request mode {request}");
    let hole = tokio::net::TcpSocket::new_v4().unwrap();
    hole.bind(plimsoll_host_tests::bed::ports::free().unwrap()).unwrap();
    let hole = hole.listen(1).unwrap();
    let mut fill = Vec::new();
    for _ in 0..4 { fill.push(tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(hole.local_addr().unwrap())).await.map(|s| s.is_ok())); }
    println!("fill {fill:?}");
    let (config, upstreams) = prepare(1).await;
    let config = config.wasm(wasm.clone()).pool(json!({"strategy": "round_robin", "max_ejected_percent": 0}))
        .edit(|file| { route(file)["retry_policy"]["num_retries"] = json!(0); });
    let config = if request { config.observe_requests() } else { config.pool(json!({"detect_truncated": true})) };
    let mut more = config.clone();
    more = more.named_endpoints(vec![("order-1".into(), hole.local_addr().unwrap())]);
    let bed = Bed { envoy: plimsoll_host_tests::bed::Envoy::start(&config, 1).await.unwrap(), upstreams };
    let cases = [("healthy", Behaviour::Healthy), ("503", Behaviour::Failing{status:503,fraction:1.0}), ("reset", Behaviour::Resetting),("hang", Behaviour::Hanging),("trunc", Behaviour::Truncating),("refuse", Behaviour::Refusing)];
    for (name, behaviour) in cases {
        let skip = bed.envoy.log().len();
        bed.upstream(1).set(behaviour).await.unwrap();
        if name == "trunc" { let r = bed.burst(2, 1).run().await.unwrap(); println!("{r:?}"); }
        else { for _ in 0..1 { let a = bed.get("/", &[]).await; println!("{name} -> {} {}", a.status, a.header("x-upstream")); } }
        tokio::time::sleep(Duration::from_millis(100)).await;
        dump(&bed, name, skip);
    }
    drop(bed);
    let envoy = plimsoll_host_tests::bed::Envoy::start(&more, 1).await.unwrap();
    let bed = Bed { envoy, upstreams: vec![] };
    let a = bed.get("/", &[]).await; println!("connect timeout -> {}", a.status);
    tokio::time::sleep(Duration::from_millis(100)).await;
    dump(&bed, "ctimeout", 0);
    drop(bed);
    // route timeout
    let bed = Bed::start(1, 1, |c| { let c = c.wasm(wasm.clone()).pool(json!({"max_ejected_percent": 0})).edit(|f| { route(f)["timeout"] = json!("0.3s"); });
      if request { c.observe_requests() } else { c.pool(json!({"detect_truncated": true})) } }).await;
    bed.upstream(1).set(Behaviour::Hanging).await.unwrap();
    let a = bed.get("/", &[]).await; println!("route timeout -> {}", a.status);
    tokio::time::sleep(Duration::from_millis(100)).await;
    dump(&bed, "rtimeout", 0);
    drop(bed);
    // overflow
    let bed = Bed::start(1, 1, |c| { let c = c.wasm(wasm.clone()).pool(json!({"max_ejected_percent": 0})).edit(|f| { 
        cluster(f, "demo")["circuit_breakers"]["thresholds"][0] = json!({"max_connections": 1, "max_pending_requests": 1, "max_requests": 1, "max_retries": 1});
        route(f)["retry_policy"]["num_retries"] = json!(0); });
      if request { c.observe_requests() } else { c } }).await;
    bed.upstream(1).set(Behaviour::Hanging).await.unwrap();
    let skip = bed.envoy.log().len();
    println!("{:?}", bed.burst(6, 6).run().await.unwrap());
    tokio::time::sleep(Duration::from_millis(100)).await;
    dump(&bed, "overflow", skip);
    drop(bed);
    // abort mid body: raw upstream
    let l = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = l.local_addr().unwrap();
    tokio::spawn(async move { use tokio::io::*; loop { let (mut s, _) = l.accept().await.unwrap(); tokio::spawn(async move {
        let mut b = [0u8; 4096]; let _ = s.read(&mut b).await; let _ = s.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhello").await; let _ = s.read(&mut b).await; }); } });
    let (config, upstreams) = prepare(1).await;
    let config = config.named_endpoints(vec![("order-1".into(), addr)]).wasm(wasm.clone());
    let config = if request { config.observe_requests() } else { config.pool(json!({"detect_truncated": true})) };
    let bed = Bed { envoy: plimsoll_host_tests::bed::Envoy::start(&config, 1).await.unwrap(), upstreams };
    let mut b = bed.burst(1, 1); b.abort_fraction = 1.0; b.abort_within = Duration::from_millis(200); b.seed = 5;
    println!("{:?}", b.run().await.unwrap());
    tokio::time::sleep(Duration::from_millis(300)).await;
    dump(&bed, "abort-mid", 0);
    // timeout mid-body: route timeout 2s
    let mut b = bed.burst(1, 1); 
    let skip = bed.envoy.log().len();
    println!("{:?}", b.run().await.unwrap());
    tokio::time::sleep(Duration::from_millis(300)).await;
    dump(&bed, "timeout-mid", skip);
    }
}
