//! What is printed: one JSON document, or words for people.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

/// What a command answers.
pub struct Answer {
    /// For scripts.
    pub json: Value,
    /// For people.
    pub text: String,
}

impl Answer {
    /// An answer.
    pub fn new(json: Value, text: impl Into<String>) -> Self {
        Self { json, text: text.into() }
    }
}

/// Prints an answer on standard output.
pub fn print(answer: &Answer, json: bool) -> ExitCode {
    let text = if json { answer.json.to_string() } else { answer.text.trim_end().to_owned() };
    let mut out = io::stdout().lock();
    // A closed pipe is no failure of ours, but nobody read the answer.
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Says on standard error what is wrong, or what should be known.
pub fn complain(sentence: &str) {
    let _ = writeln!(io::stderr(), "{sentence}");
}

/// A bar for long work, on standard error where that is a terminal.
pub fn bar(length: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.with_message(what)
}

/// A turning wheel for work of unknown length, on standard error where that is a terminal.
pub fn wheel(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if !bar.is_hidden() {
        bar.enable_steady_tick(Duration::from_millis(120));
    }
    bar.with_message(what)
}

/// Lines of aligned columns under a heading.
pub fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = heading.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let heading: Vec<String> = heading.iter().map(|cell| (*cell).to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&heading).chain(rows) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| {
            let pad = width.saturating_sub(cell.chars().count());
            format!("{cell}{}", " ".repeat(pad))
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = vec![vec!["a".into(), "b".into()], vec!["panjang".into(), "é".into()]];
        assert_eq!(table(&["satu", "dua"], &rows), "satu     dua\na        b\npanjang  é\n");
    }
}
