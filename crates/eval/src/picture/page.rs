//! Lines of at most 80 columns with ANSI colours, whatever is put on them.

use unicode_width::UnicodeWidthChar;

use super::health::Health;

/// Columns of a line.
pub(super) const COLUMNS: usize = 80;

/// An SGR parameter of ECMA-48.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Bold,
    Faint,
    Green,
    Yellow,
    Red,
    Reverse,
    Blue,
    Magenta,
}

impl Style {
    fn parameter(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Bold => 1,
            Self::Faint => 2,
            Self::Reverse => 7,
            Self::Red => 31,
            Self::Green => 32,
            Self::Yellow => 33,
            Self::Blue => 34,
            Self::Magenta => 35,
        }
    }

    pub fn of(health: Health) -> Self {
        match health {
            Health::Well => Self::Green,
            Health::Strained => Self::Yellow,
            Health::Failing => Self::Red,
            Health::Down => Self::Reverse,
        }
    }
}

/// Text under way: lines of at most [`COLUMNS`] columns, whatever is put on them.
#[derive(Default)]
pub(super) struct Page {
    pub text: String,
    used: usize,
}

impl Page {
    /// Adds what fits on the line.
    pub fn put(&mut self, style: Style, text: &str) {
        let (text, width) = held(text, COLUMNS - self.used);
        self.used += width;
        match style {
            Style::Plain => self.text.push_str(&text),
            _ if text.is_empty() => {}
            _ => self.text.push_str(&format!("\u{1b}[{}m{text}\u{1b}[0m", style.parameter())),
        }
    }

    pub fn end(&mut self) {
        self.text.push('\n');
        self.used = 0;
    }

    /// Adds a label, as wide as the others.
    pub fn label(&mut self, label: &str) {
        self.put(Style::Faint, &padded(label, 14));
    }
}

/// As much of a text as fits into so many columns, and the columns it takes. Control characters show as question marks;
/// what has no width of its own, such as marks that turn the direction of writing, is left out.
fn held(text: &str, columns: usize) -> (String, usize) {
    let (mut out, mut used) = (String::new(), 0);
    for letter in text.chars() {
        let (letter, width) = letter.width().map_or(('?', 1), |width| (letter, width));
        if used + width > columns {
            break;
        }
        used += width;
        if width > 0 {
            out.push(letter);
        }
    }
    (out, used)
}

/// The same, with an ellipsis where something is missing.
pub(super) fn shortened(text: &str, columns: usize) -> String {
    let (whole, _) = held(text, usize::MAX);
    let (short, _) = held(&whole, columns);
    if short.len() == whole.len() { short } else { held(&whole, columns.saturating_sub(1)).0 + "…" }
}

/// A text with blanks up to so many columns.
pub(super) fn padded(text: &str, columns: usize) -> String {
    let (text, used) = held(text, columns);
    text + &" ".repeat(columns - used)
}
