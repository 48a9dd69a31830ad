//! Pictures of a validation: what is in one, and how it is drawn as SVG.

mod draw;

/// A picture: curves and marks over two axes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plot {
    /// Its file's name without the ending.
    pub name: String,
    /// What stands above it.
    pub title: String,
    /// What stands at the axes.
    pub x: String,
    /// See `x`.
    pub y: String,
    /// Whether the vertical axis is logarithmic.
    pub log_y: bool,
    /// Where the vertical axis begins; at 0, or at the least value below it, where absent.
    pub least_y: Option<f64>,
    /// Stretches of the horizontal axis that are shaded, such as that of a trigger.
    pub shaded: Vec<(f64, f64)>,
    /// What is drawn, in this order.
    pub series: Vec<Series>,
}

/// Points that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What stands at its last point; nothing where empty.
    pub label: String,
    /// Horizontal and vertical values.
    pub points: Vec<(f64, f64)>,
    /// Lines or marks.
    pub style: Style,
    /// Place in the palette: series that belong together have the same.
    pub colour: usize,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// An unbroken line.
    Line,
    /// A broken one.
    Dashed,
    /// A circle at each point.
    Circles,
    /// A cross at each point.
    Crosses,
}

impl Plot {
    /// A picture without series.
    pub fn new(name: &str, title: &str, [x, y]: [&str; 2]) -> Self {
        let [name, title, x, y] = [name, title, x, y].map(str::to_owned);
        Self { name, title, x, y, ..Self::default() }
    }

    /// The name of its file.
    pub fn file(&self) -> String {
        format!("{}.svg", self.name)
    }
}

impl Series {
    /// A line with a label at its end.
    pub fn line(label: &str, points: Vec<(f64, f64)>, colour: usize) -> Self {
        Self { label: label.to_owned(), points, style: Style::Line, colour }
    }

    /// A broken line with a label at its end.
    pub fn dashed(label: &str, points: Vec<(f64, f64)>, colour: usize) -> Self {
        Self { style: Style::Dashed, ..Self::line(label, points, colour) }
    }

    /// Circles without a label.
    pub fn circles(points: Vec<(f64, f64)>, colour: usize) -> Self {
        Self { style: Style::Circles, ..Self::line("", points, colour) }
    }

    /// Crosses without a label.
    pub fn crosses(points: Vec<(f64, f64)>, colour: usize) -> Self {
        Self { style: Style::Crosses, ..Self::line("", points, colour) }
    }
}
