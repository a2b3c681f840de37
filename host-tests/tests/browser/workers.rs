//! Every worker's own view.

use crate::stage::{ENDPOINTS, SOON, Stage};
use anyhow::Result;
use plimsoll_host_tests::bed::browser::until;
use serde::Deserialize;
use serde_json::json;

const MATRIX: &str = r#"
    const text = element => element.textContent.replace(/\s+/g, " ").trim();
    return {
        heads: [...document.querySelectorAll('[data-testid="worker-head"]')].map(text),
        rows: [...document.querySelectorAll('[data-testid="worker-row"]')].map(row => ({
            endpoint: row.dataset.endpoint, cells: [...row.querySelectorAll('[data-testid="worker-cell"]')].map(text),
        })),
    };"#;

#[derive(Debug, Deserialize)]
struct Matrix {
    heads: Vec<String>,
    rows: Vec<MatrixRow>,
}

#[derive(Debug, Deserialize)]
struct MatrixRow {
    endpoint: String,
    cells: Vec<String>,
}

#[tokio::test]
async fn every_worker_has_a_column_with_its_age_and_every_endpoint_a_row() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    stage.click("[data-testid=view][aria-pressed=false]").await?;
    let look = async || stage.browser.run::<Matrix>(MATRIX, vec![]).await;
    let complete = |matrix: &Matrix| {
        matrix.rows.len() == ENDPOINTS
            && !matrix.heads.is_empty()
            && matrix
                .rows
                .iter()
                .all(|row| row.cells.len() == matrix.heads.len() && row.cells.iter().any(|c| c.contains("ms")))
    };
    let matrix = until("a row of every endpoint", SOON, look, complete).await?;
    assert_eq!(
        matrix.rows.iter().map(|row| row.endpoint.as_str()).collect::<Vec<_>>(),
        ["order-1", "order-2", "order-3", "order-4"]
    );
    assert!(matrix.heads.iter().all(|head| head.starts_with("worker ") && head.ends_with("old")), "{matrix:?}");
    assert!(stage.address().await?.contains("view=workers"), "a link does not say that workers are shown");

    // The same as in the API: attempts of the last seconds, which are whole numbers.
    let choose = r#"const choice = document.querySelector('[data-testid="measure"]');
        choice.value = "attempts"; choice.dispatchEvent(new Event("change"));"#;
    stage.browser.run::<()>(choose, vec![]).await?;
    let counted = |matrix: &Matrix| {
        let numbers = matrix.rows.iter().flat_map(|row| &row.cells).filter_map(|cell| cell.parse::<u32>().ok());
        complete_counts(matrix) && numbers.sum::<u32>() > 100
    };
    until("attempts of every worker", SOON, look, counted).await?;
    stage.finish().await
}

fn complete_counts(matrix: &Matrix) -> bool {
    matrix.rows.len() == ENDPOINTS && matrix.rows.iter().all(|row| row.cells.iter().all(|cell| !cell.contains("ms")))
}
