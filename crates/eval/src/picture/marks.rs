//! Colours that the colour-blind tell apart (Okabe and Ito, "Color universal design", 2008), and a mark for each of them.

use embedded_graphics::mono_font::iso_8859_1::FONT_5X8;

use super::{
    canvas::{Area, At, Canvas, Colour, text_width},
    health::Health,
};

pub(super) const GROUND: Colour = Colour::new(255, 255, 255);
pub(super) const INK: Colour = Colour::new(33, 37, 41);
pub(super) const GREY: Colour = Colour::new(104, 111, 119);
pub(super) const SILVER: Colour = Colour::new(186, 193, 200);
pub(super) const FAINT: Colour = Colour::new(222, 226, 230);
pub(super) const PALE: Colour = Colour::new(238, 240, 243);
/// What the policy did.
pub(super) const ACTION: Colour = Colour::new(0, 114, 178);
/// What detectors found.
pub(super) const DETECTION: Colour = Colour::new(170, 68, 153);
/// What was injected.
pub(super) const FAULT: Colour = Colour::new(213, 94, 0);
pub(super) const FAULT_BAR: Colour = Colour::new(247, 200, 166);
pub(super) const RECOVERY: Colour = Colour::new(0, 136, 98);

/// The colour of what fares so.
pub(super) fn colour(health: Health) -> Colour {
    match health {
        Health::Well => Colour::new(0, 158, 115),
        Health::Strained => Colour::new(230, 159, 0),
        Health::Failing => FAULT,
        Health::Down => INK,
    }
}

/// The same, light enough to write on.
pub(super) fn tint(health: Health) -> Colour {
    match health {
        Health::Well => Colour::new(229, 245, 239),
        Health::Strained => Colour::new(253, 240, 205),
        Health::Failing => Colour::new(252, 218, 196),
        Health::Down => Colour::new(205, 208, 212),
    }
}

/// A disc, a triangle, a diamond or a cross: shapes that tell what colours tell.
pub(super) fn health(canvas: &mut Canvas, health: Health, centre: At, radius: f32) {
    let own = colour(health);
    match health {
        Health::Well => canvas.disc(centre, radius * 0.85, own),
        Health::Strained => canvas.triangle(centre, radius * 1.1, true, own),
        Health::Failing => canvas.diamond(centre, radius * 1.25, own),
        Health::Down => canvas.cross(centre, radius * 0.8, (radius * 0.6).max(1.2), own),
    }
}

/// A moment of an incident's course, on the time axis and in its legend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Injected,
    Detected,
    Acted,
    Recovered,
}

impl Moment {
    pub fn name(self) -> &'static str {
        match self {
            Self::Injected => "injected",
            Self::Detected => "detected",
            Self::Acted => "acted",
            Self::Recovered => "recovered",
        }
    }

    pub fn colour(self) -> Colour {
        match self {
            Self::Injected => FAULT,
            Self::Detected => DETECTION,
            Self::Acted => ACTION,
            Self::Recovered => RECOVERY,
        }
    }

    pub fn mark(self, canvas: &mut Canvas, centre: At) {
        let colour = self.colour();
        match self {
            Self::Injected => canvas.triangle(centre, 5.0, false, colour),
            Self::Detected => canvas.diamond(centre, 5.0, colour),
            Self::Acted => canvas.fill(Area::around(centre, 7.0, 7.0), colour),
            Self::Recovered => canvas.disc(centre, 4.2, colour),
        }
    }
}

/// A fault's id on what it strikes.
pub(super) fn badge(canvas: &mut Canvas, right_top: At, id: &str) {
    let width = text_width(&FONT_5X8, id) + 6.0;
    let area = Area { left: right_top.x - width, top: right_top.y, width, height: 11.0 };
    canvas.fill_box(area, 3.0, FAULT);
    canvas.text(area.left + 3.0, area.top + 2.0, &FONT_5X8, GROUND, id);
}
