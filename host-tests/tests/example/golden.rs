//! Everything that crosses the boundary for one request, as a file that a person reviews and a diff compares.

use plimsoll_host_tests::host::proxy::Request;

use crate::support::*;

#[test]
fn trace_of_a_masked_request() {
    let (mut proxy, _) = start(setup().seed(1).trace());
    proxy.set_answer(SERVICE, answer(200, &["{\"key\":\"sk_li", "ve_4eC39Hq\"}"]));
    proxy.run_for(ms(100));
    proxy.fetch(Request::post("/orders", "{\"password\":\"hunter2\"}").header("authorization", "ann"));
    proxy.run_for(ms(2_000));
    insta::assert_snapshot!(proxy.world().trace().text());
}
