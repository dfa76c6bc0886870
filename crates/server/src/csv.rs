//! CSV (RFC 4180), with cells that no spreadsheet takes for a formula.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};

/// Where a list in CSV goes on.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-bailey-next-cursor");

/// A table in the making.
pub(crate) struct Csv {
    text: String,
    columns: usize,
}

impl Csv {
    /// A table with this first line.
    pub(crate) fn new(names: &[&str]) -> Self {
        let mut csv = Self {
            text: String::new(),
            columns: names.len(),
        };
        csv.row(names.iter().copied());
        csv
    }

    /// Adds a line of cells.
    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let mut count = 0;
        for cell in cells {
            if count > 0 {
                self.text.push(',');
            }
            self.cell(cell.as_ref());
            count += 1;
        }
        debug_assert_eq!(count, self.columns, "every line has as many cells as the first");
        self.text.push_str("\r\n");
    }

    fn cell(&mut self, cell: &str) {
        // Spreadsheets run what begins like this; a leading apostrophe makes it text. Our own numbers are not negative.
        let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
        if !formula && !cell.contains([',', '"', '\r', '\n']) {
            self.text.push_str(cell);
            return;
        }
        self.text.push('"');
        if formula {
            self.text.push('\'');
        }
        self.text.push_str(&cell.replace('"', "\"\""));
        self.text.push('"');
    }

    /// What was added since it was taken last, for a table that is sent in pieces.
    pub(crate) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// The table as an answer, saved under `file` by browsers.
    pub(crate) fn respond(self, file: &'static str, next_cursor: Option<&str>) -> Response {
        let mut response = self.text.into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/csv; charset=utf-8; header=present"),
        );
        if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{file}\"")) {
            headers.insert(CONTENT_DISPOSITION, value);
        }
        if let Some(Ok(value)) = next_cursor.map(HeaderValue::from_str) {
            headers.insert(NEXT_CURSOR, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_formulas_disarmed() {
        let mut csv = Csv::new(&["a", "b"]);
        csv.row(["plain", "with, comma"]);
        csv.row(["say \"hi\"", "two\r\nlines"]);
        csv.row(["=HYPERLINK(\"http://evil\")", "-1+1"]);
        csv.row(["@SUM(A1)", "\t=1"]);
        let want = "a,b\r\nplain,\"with, comma\"\r\n\"say \"\"hi\"\"\",\"two\r\nlines\"\r\n\
                    \"'=HYPERLINK(\"\"http://evil\"\")\",\"'-1+1\"\r\n\"'@SUM(A1)\",\"'\t=1\"\r\n";
        assert_eq!(csv.text, want);
    }
}
