//! Tables for elsewhere: CSV for a spreadsheet, Markdown for a text.

use web_sys::Element;

use super::writer::{Form, push_replaced, write};
use super::{browser, clipboard};

pub fn copy_csv(button: &Element) -> Option<()> {
    let mut csv = String::new();
    for row in rows(button)? {
        for (at, cell) in row.iter().enumerate() {
            csv.push_str(if at > 0 { "," } else { "" });
            push_csv_cell(&mut csv, write(cell, Form::Plain).trim());
        }
        csv.push_str("\r\n");
    }
    clipboard::copy(button, &csv);
    Some(())
}

pub fn copy_markdown(button: &Element) -> Option<()> {
    let mut table = String::new();
    for (at, row) in rows(button)?.iter().enumerate() {
        for cell in row {
            table.push_str("| ");
            push_replaced(&mut table, &write(cell, Form::Markdown), &[('\n', " ")]);
            table.push(' ');
        }
        table.push_str("|\n");
        if at == 0 {
            for cell in row {
                table.push_str("| ");
                table.push_str(ruler(&browser::attribute(cell, "class")));
                table.push(' ');
            }
            table.push_str("|\n");
        }
    }
    clipboard::copy(button, &table);
    Some(())
}

/// The cells of each row, the head's first.
fn rows(button: &Element) -> Option<Vec<Vec<Element>>> {
    let block = browser::closest(button, ".table-block")?;
    Some(browser::all(&block, "tr").iter().map(|row| browser::all(row, "th, td")).collect())
}

/// A cell as RFC 4180 has it. A spreadsheet would run what begins as a formula does, so that gets an apostrophe.
fn push_csv_cell(csv: &mut String, text: &str) {
    let quote = if text.contains(['"', ',', '\r', '\n']) { "\"" } else { "" };
    csv.push_str(quote);
    csv.push_str(if is_formula(text) { "'" } else { "" });
    push_replaced(csv, text, &[('"', "\"\"")]);
    csv.push_str(quote);
}

/// Begins as a formula does and is no number. A sign alone stands for nothing at all.
fn is_formula(text: &str) -> bool {
    let is_said = text.contains(|character: char| character.is_ascii_alphanumeric() || !character.is_ascii());
    text.starts_with(['=', '+', '-', '@']) && is_said && !is_number(text)
}

/// A sign and digits, in groups perhaps, with a decimal point perhaps, or of a hundred.
fn is_number(text: &str) -> bool {
    let Some(digits) = text.strip_prefix(['+', '-']) else { return false };
    let digits = digits.strip_suffix('%').unwrap_or(digits);
    digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b','))
}

fn ruler(class: &str) -> &'static str {
    match class {
        "align-left" => ":---",
        "align-center" => ":---:",
        "align-right" => "---:",
        _ => "---",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv_cell(text: &str) -> String {
        let mut csv = String::new();
        push_csv_cell(&mut csv, text);
        csv
    }

    #[test]
    fn a_cell_is_quoted_where_it_has_to_be() {
        for (text, cell) in [
            ("a", "a"),
            ("", ""),
            ("a, b", "\"a, b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("one\ntwo", "\"one\ntwo\""),
            ("x | y", "x | y"),
        ] {
            assert_eq!(csv_cell(text), cell);
        }
    }

    #[test]
    fn what_a_spreadsheet_would_run_is_text() {
        for formula in
            ["=1", "=cmd|' /C calc'!A0", "+1+1", "-2+3", "-a", "@x", "@SUM(1)", "- item", "-=1", "+ä"]
        {
            assert!(csv_cell(formula).trim_start_matches('"').starts_with('\''), "{formula}");
        }
        assert_eq!(
            csv_cell("=HYPERLINK(\"https://evil.example\",\"x\")"),
            "\"'=HYPERLINK(\"\"https://evil.example\"\",\"\"x\"\")\""
        );
    }

    #[test]
    fn a_number_stays_a_number() {
        for number in ["1", "-2", "+1", "-1.5", "+.5", "-5%", "-12,000.50", "-", "--", "+", "a-b", "1=1"] {
            assert_eq!(csv_cell(number).trim_matches('"'), number);
        }
    }

    #[test]
    fn columns_are_aligned_as_they_are_shown() {
        assert_eq!(
            ["", "align-left", "align-center", "align-right"].map(ruler),
            ["---", ":---", ":---:", "---:"]
        );
    }
}
