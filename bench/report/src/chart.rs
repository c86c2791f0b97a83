// SPDX-License-Identifier: GPL-2.0

//! How a chart is drawn.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::{
    coord::ranged1d::{AsRangedCoord, ValueFormatter},
    prelude::*,
};

/// Width and height, in pixels.
const SIZE: (u32, u32) = (860, 480);
/// Colours that can be told apart, also by those who see no red or green (Okabe and Ito).
const COLORS: [RGBColor; 6] = [
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(86, 180, 233),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(90, 90, 90),
];
const FONT: &str = "sans-serif";

/// Lines over two axes.
pub struct Chart {
    /// From left to right.
    pub across: Axis,
    /// From bottom to top.
    pub up: Axis,
    /// What is drawn.
    pub lines: Vec<Line>,
}

/// An axis: what stands beside it, and how its numbers are written.
pub struct Axis {
    title: String,
    label: Box<dyn Fn(f64) -> String>,
    scale: Scale,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    Even,
    FromZero,
    Log,
    /// So many names, at 0, 1, ...
    Names(usize),
}

impl Axis {
    /// Where equal distances are equal differences.
    pub fn even(title: String, label: fn(f64) -> String) -> Self {
        Self::new(title, label, Scale::Even)
    }

    /// The same, from 0 on.
    pub fn from_zero(title: String, label: fn(f64) -> String) -> Self {
        Self::new(title, label, Scale::FromZero)
    }

    /// Where equal distances are equal ratios.
    pub fn log(title: String, label: fn(f64) -> String) -> Self {
        Self::new(title, label, Scale::Log)
    }

    /// Names instead of numbers.
    pub fn names(names: Vec<&'static str>) -> Self {
        let scale = Scale::Names(names.len());
        let label = move |at: f64| {
            let whole = (at - at.round()).abs() < 0.01 && at >= 0.0;
            let name = whole.then(|| names.get(at.round() as usize)).flatten();
            name.map_or_else(String::new, ToString::to_string)
        };
        Self::new(String::new(), label, scale)
    }

    fn new(title: String, label: impl Fn(f64) -> String + 'static, scale: Scale) -> Self {
        Self {
            title,
            label: Box::new(label),
            scale,
        }
    }

    /// From where to where it goes, for these values.
    fn range(&self, values: impl Iterator<Item = f64>) -> (f64, f64) {
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| {
            (low.min(v), high.max(v))
        });
        match self.scale {
            Scale::Even => (low, high.max(low + 1.0)),
            Scale::FromZero => (0.0, high * 1.3),
            // Of powers of ten there would hardly be one to stand beside the axis.
            Scale::Log if high < low * NARROW => (0.0, high * 1.3),
            Scale::Log => (low / 1.3, high * 1.3),
            Scale::Names(count) => (-0.5, count as f64 - 0.5),
        }
    }
}

/// Values that are less than so many times as far apart are drawn from 0 on.
const NARROW: f64 = 20.0;

/// What is drawn in one colour.
pub struct Line {
    /// Its name.
    pub name: String,
    /// The number of its colour.
    pub color: usize,
    /// How its points are drawn.
    pub marks: Marks,
    /// Its points.
    pub points: Vec<(f64, f64)>,
}

/// How points are drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// With a line between them.
    Joined,
    /// Each by itself.
    Apart,
}

impl Chart {
    /// Draws it into a file.
    pub fn draw(&self, title: &str, file: &Path) -> Result<()> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let (left, right) = self.across.range(points().map(|point| point.0));
        let (low, mut high) = self.up.range(points().map(|point| point.1));
        if let Scale::Names(_) = self.across.scale {
            // Room for the legend, which lines that rise from left to right leave by themselves.
            high *= if low > 0.0 { 3.0 } else { 1.15 };
        }
        let drawn = match self.up.scale {
            Scale::Log if low > 0.0 => {
                self.draw_on(title, file, left..right, (low..high).log_scale())
            }
            _ => self.draw_on(title, file, left..right, low..high),
        };
        drawn.map_err(|error| anyhow!("draw {}: {error}", file.display()))
    }

    fn draw_on<Y>(
        &self,
        title: &str,
        file: &Path,
        across: std::ops::Range<f64>,
        up: Y,
    ) -> Result<(), Box<dyn std::error::Error>>
    where
        Y: AsRangedCoord<Value = f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        let area = SVGBackend::new(file, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, (FONT, 20))
            .margin(12)
            .margin_right(36)
            .x_label_area_size(46)
            .y_label_area_size(84)
            .build_cartesian_2d(across, up)?;
        chart
            .configure_mesh()
            .x_desc(self.across.title.as_str())
            .y_desc(self.up.title.as_str())
            .x_labels(11)
            .y_labels(8)
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .label_style((FONT, 14))
            .axis_desc_style((FONT, 15))
            .x_label_formatter(&|at| (self.across.label)(*at))
            .y_label_formatter(&|at| (self.up.label)(*at))
            .draw()?;
        for line in self.lines.iter().filter(|line| !line.points.is_empty()) {
            let color = COLORS[line.color % COLORS.len()];
            let dots = line.points.iter();
            chart.draw_series(dots.map(|point| Circle::new(*point, 3, color.filled())))?;
            let style = match line.marks {
                Marks::Joined => color.stroke_width(2),
                Marks::Apart => TRANSPARENT.stroke_width(0),
            };
            chart
                .draw_series(LineSeries::new(line.points.iter().copied(), style))?
                .label(line.name.as_str())
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 4), (x + 14, y + 4)], color.filled())
                });
        }
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .label_font((FONT, 14))
            .position(SeriesLabelPosition::UpperLeft)
            .draw()?;
        area.present()?;
        Ok(())
    }
}
