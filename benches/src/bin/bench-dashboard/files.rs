//! How much a browser downloads.

use anyhow::{Context, Result};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::path::Path;

/// One file of the dashboard, in bytes.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) raw: usize,
    /// By gzip at its best.
    pub(crate) zipped: usize,
}

/// All files of a folder, largest first.
pub(crate) fn sizes(folder: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let content = std::fs::read(&path).with_context(|| path.display().to_string())?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&content)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push(File { name, raw: content.len(), zipped: encoder.finish()?.len() });
    }
    files.sort_by_key(|file| std::cmp::Reverse(file.zipped));
    Ok(files)
}
