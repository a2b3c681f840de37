//! Which callbacks come, in which order, with which arguments.

use crate::case::{Answer, Case, End, Request, Scene};
use crate::compare::compare;

#[test]
fn order() {
    let scene = Scene::new("callbacks")
        .case(Case::new("plain get", ""))
        .case(Case::new("post with a length", "").request(Request::post("hello")))
        .case(
            Case::new("chunks both ways", "").exchange(Request::chunks(&["one", "two"]), [Answer::chunks(&["a", "b"])]),
        )
        .case(
            Case::new("trailers both ways", "")
                .exchange(Request::chunks(&["one"]).trailer("t", "1"), [Answer::chunks(&["a"]).trailer("u", "2")]),
        )
        .case(Case::new("empty answer", "").answer(Answer::empty()))
        .case(Case::new("cut off", "").answer(Answer::chunks(&["a"]).ending(End::Cut)))
        .case(Case::new("reset", "").answer(Answer::instead(End::Reset)))
        .case(Case::new("refused", "").exchange(Request::get("/").to("dead"), []))
        .case(Case::new("no route's cluster", "").request(Request::get("/no-cluster")));
    compare(&scene);
}
