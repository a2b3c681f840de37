//! Turns `dashboard/index.html`, which `trunk serve` understands, into the page of `dist/`.
//!
//! The source carries trunk's own tags, `<link data-trunk rel="rust" …>` and `<link data-trunk
//! rel="css" href="style/…">`. Here each becomes what it stands for, so one page serves both tools.

use anyhow::{Result, bail};

/// Loads the module that wasm-bindgen wrote; its default export fetches and starts the wasm. Both are fetched from the start:
/// otherwise the browser learns of one from the page and of the other from the one.
const START: &str = "<link rel=\"modulepreload\" href=\"/dashboard.js\" />\n    \
    <link rel=\"preload\" href=\"/dashboard_bg.wasm\" as=\"fetch\" crossorigin />\n    \
    <script type=\"module\">import init from \"/dashboard.js\"; init();</script>";

/// All stylesheets as one: fewer requests, and each finds what is like it in the others when it is compressed.
const STYLE: &str = "<link rel=\"stylesheet\" href=\"/style.css\">";

/// What `dist/` has of the source page.
pub(crate) struct Page {
    pub(crate) html: String,
    /// The files that make its `style.css`, in their order.
    pub(crate) styles: Vec<String>,
}

/// The page for `dist/` from the source page.
pub(crate) fn for_dist(source: &str) -> Result<Page> {
    let mut styles = Vec::new();
    let mut page = String::with_capacity(source.len());
    let mut starts = usize::from(source.contains("dashboard.js"));
    let mut rest = source;
    while let Some((before, tag, after)) = next_link(rest) {
        page.push_str(before);
        match (attribute(tag, "data-trunk"), attribute(tag, "rel").as_deref()) {
            (None, _) => page.push_str(tag),
            (Some(_), Some("rust")) => {
                if starts == 0 {
                    page.push_str(START);
                }
                starts += 1;
            }
            (Some(_), Some("css")) => match attribute(tag, "href") {
                Some(href) => {
                    if styles.is_empty() {
                        page.push_str(STYLE);
                    }
                    styles.push(href);
                }
                None => bail!("dashboard/index.html: `{tag}` has no href"),
            },
            (Some(_), Some(rel)) => bail!("dashboard/index.html: xtask knows no trunk tag `{rel}`"),
            (Some(_), None) => bail!("dashboard/index.html: `{tag}` has no rel"),
        }
        rest = after;
    }
    page.push_str(rest);
    if starts == 0 {
        bail!("dashboard/index.html loads no program: add `<link data-trunk rel=\"rust\">`");
    }
    Ok(Page { html: page, styles })
}

/// What stands before the next `<link …>`, the tag, and what follows.
fn next_link(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find("<link ")?;
    let length = text[start..].find('>')? + 1;
    let (before, from_tag) = text.split_at(start);
    let (tag, after) = from_tag.split_at(length);
    Some((before, tag, after))
}

/// The value of an attribute; empty for one without a value.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let inside = tag.trim_start_matches("<link").trim_end_matches('>').trim_end_matches('/');
    inside.split_ascii_whitespace().find_map(|word| {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        (key == name).then(|| value.trim_matches(['"', '\'']).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::{Page, for_dist};

    #[test]
    fn trunk_tags_become_what_they_stand_for() {
        let source = "<head>\n<link data-trunk rel=\"css\" href=\"style/a.css\" />\n\
                      <link data-trunk rel=\"css\" href=\"style/b.css\" />\n\
                      <link data-trunk rel=\"rust\" data-wasm-opt=\"0\" />\n</head>";
        let Page { html: page, styles } = for_dist(source).expect("a page");
        assert_eq!(styles, ["style/a.css", "style/b.css"]);
        assert_eq!(page.matches("stylesheet").count(), 1);
        assert!(page.contains("<link rel=\"stylesheet\" href=\"/style.css\">"));
        assert!(page.contains("import init from \"/dashboard.js\""));
        assert!(!page.contains("data-trunk"));
    }

    #[test]
    fn other_links_and_text_stay() {
        let source = "a<link rel=\"icon\" href=\"data:,\">b<link data-trunk rel=\"rust\">c";
        let page = for_dist(source).expect("a page").html;
        assert!(page.starts_with("a<link rel=\"icon\" href=\"data:,\">b<link rel=\"modulepreload\""));
        assert!(page.contains("rel=\"preload\" href=\"/dashboard_bg.wasm\"") && page.ends_with("</script>c"));
    }

    #[test]
    fn a_page_that_starts_itself_is_not_started_twice() {
        let source = "<link data-trunk rel=\"rust\"><script type=\"module\" src=\"/dashboard.js\"></script>";
        let page = for_dist(source).expect("a page").html;
        assert_eq!(page.matches("dashboard.js").count(), 1);
    }

    #[test]
    fn a_page_without_a_program_is_refused() {
        let error = for_dist("<html></html>").err().expect("no program");
        assert!(error.to_string().contains("data-trunk rel=\"rust\""));
    }
}
