//! Tables as text.

/// Columns, each as wide as its widest cell; columns named in `right` are aligned to the right.
pub fn table(header: &[&str], rows: &[Vec<String>], right: &[&str]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|title| title.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for ((cell, width), title) in cells.zip(&widths).zip(header) {
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            text += &if right.contains(title) { format!("{padding}{cell}  ") } else { format!("{cell}{padding}  ") };
        }
        text.trim_end().to_owned()
    };
    let mut lines = vec![line(&mut header.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn aligns_columns() {
        let rows = vec![vec!["a".to_owned(), "1,000".to_owned()], vec!["longer".to_owned(), "2".to_owned()]];
        assert_eq!(
            super::table(&["NAME", "AMOUNT"], &rows, &["AMOUNT"]),
            "NAME    AMOUNT\na        1,000\nlonger       2"
        );
    }
}
