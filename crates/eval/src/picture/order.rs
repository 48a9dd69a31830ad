//! The order of a drawing's members within their columns, and their heights.

use super::layout::{Link, Member};

/// Sweeps over the columns that put their members in order, and that set their heights.
const SWEEPS: usize = 12;
/// Height of a waypoint, where a service's is 1.
const WAYPOINT: f32 = 0.32;
/// How much more waypoints follow each other than services.
const STRAIGHTNESS: f32 = 8.0;
/// Share of its own that a waypoint holds against what stands next to it.
const WAYPOINT_WEIGHT: f32 = 3.0;
/// Least height of a drawing, in services: few of them stand apart, and are no larger than readable.
pub(super) const LEAST_HEIGHT: f32 = 4.6;

/// The members by column while they are put in order.
pub(super) struct Drawing {
    pub links: Vec<Link>,
    columns: Vec<Vec<usize>>,
    neighbours: Vec<Vec<usize>>,
    column: Vec<usize>,
    size: Vec<f32>,
    pub y: Vec<f32>,
}

impl Drawing {
    pub fn new(members: &[Member], links: Vec<Link>, columns: usize) -> Self {
        let mut own = vec![Vec::new(); columns];
        let mut neighbours = vec![Vec::new(); members.len()];
        for (index, member) in members.iter().enumerate() {
            own[member.column].push(index);
        }
        for link in &links {
            neighbours[link.from].push(link.to);
            neighbours[link.to].push(link.from);
        }
        Self {
            links,
            columns: own,
            neighbours,
            column: members.iter().map(|member| member.column).collect(),
            size: members.iter().map(|member| if member.is_waypoint { WAYPOINT } else { 1.0 }).collect(),
            y: vec![0.0; members.len()],
        }
    }

    /// Orders every column by the mean place of each member's neighbours, forwards and backwards in turn, and keeps the
    /// order with the fewest crossings where these are counted.
    pub fn sort(&mut self, counts: bool) {
        self.rank();
        let mut best = (if counts { self.crossings() } else { usize::MAX }, self.columns.clone());
        for sweep in 0..2 * SWEEPS {
            let forwards = sweep % 2 == 0;
            for place in 0..self.columns.len() {
                let column = if forwards { place } else { self.columns.len() - 1 - place };
                let mut members = std::mem::take(&mut self.columns[column]);
                let mean = |&member: &usize| {
                    let before = |&&other: &&usize| (self.column[other] < column) == forwards;
                    self.mean(self.neighbours[member].iter().filter(before)).unwrap_or(self.y[member])
                };
                let mut keyed: Vec<(f32, usize)> = members.iter().map(|member| (mean(member), *member)).collect();
                keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
                members.clear();
                members.extend(keyed.into_iter().map(|(_, member)| member));
                self.columns[column] = members;
                self.rank_column(column);
            }
            let crossings = if counts { self.crossings() } else { 0 };
            if crossings < best.0 || !counts {
                best = (crossings, self.columns.clone());
            }
        }
        self.columns = best.1;
        self.rank();
    }

    fn rank(&mut self) {
        (0..self.columns.len()).for_each(|column| self.rank_column(column));
    }

    /// Heights from 0 to 1 in the column's order.
    fn rank_column(&mut self, column: usize) {
        let count = self.columns[column].len() as f32;
        for (place, &member) in self.columns[column].iter().enumerate() {
            self.y[member] = (place as f32 + 0.5) / count;
        }
    }

    /// The height that a member's neighbours draw it to; waypoints mostly to each other, so that calls pass straight.
    fn drawn_to(&self, member: usize) -> f32 {
        let is_straight = |other: usize| self.is_waypoint(member) && self.is_waypoint(other);
        let weight = |other: usize| if is_straight(other) { STRAIGHTNESS } else { 1.0 };
        let weighted = self.neighbours[member].iter().map(|&other| (weight(other), self.y[other]));
        let (sum, total) = weighted.fold((0.0, 0.0), |(sum, total), (weight, y)| (sum + weight * y, total + weight));
        if total > 0.0 { sum / total } else { self.y[member] }
    }

    fn mean<'a>(&self, others: impl Iterator<Item = &'a usize>) -> Option<f32> {
        let (count, sum) = others.fold((0_u32, 0.0), |(count, sum), &other| (count + 1, sum + self.y[other]));
        (count > 0).then(|| sum / count as f32)
    }

    /// Pairs of links between the same two columns that cross.
    fn crossings(&self) -> usize {
        let links = &self.links;
        let crosses = |a: &Link, b: &Link| {
            self.column[a.from] == self.column[b.from]
                && (self.y[a.from] - self.y[b.from]) * (self.y[a.to] - self.y[b.to]) < 0.0
        };
        (0..links.len()).map(|a| links[a + 1..].iter().filter(|b| crosses(&links[a], b)).count()).sum()
    }

    /// Sets heights that keep the order and the distances, each as near to its neighbours' as that allows; returns the
    /// drawing's height.
    pub fn place(&mut self) -> f32 {
        let total = |members: &Vec<usize>| members.iter().map(|&member| self.size[member]).sum::<f32>();
        let height = self.columns.iter().map(total).fold(LEAST_HEIGHT, f32::max);
        for column in 0..self.columns.len() {
            self.settle(column, height, |drawing, member| drawing.y[member] * height);
        }
        for sweep in 0..2 * SWEEPS {
            for place in 0..self.columns.len() {
                let column = if sweep % 2 == 0 { place } else { self.columns.len() - 1 - place };
                self.settle(column, height, Self::drawn_to);
            }
        }
        self.centre(height);
        height
    }

    /// The heights nearest to the desired ones, by least squares, among those that keep the distances: the desired ones
    /// less the distances have to rise, so neighbours that do not are pooled at their mean.
    fn settle(&mut self, column: usize, height: f32, desired: impl Fn(&Self, usize) -> f32) {
        let members = self.columns[column].clone();
        let mut offsets = Vec::with_capacity(members.len());
        let mut below = 0.0;
        let mut pools: Vec<Pool> = Vec::with_capacity(members.len());
        for &member in &members {
            let offset = below + 0.5 * self.size[member];
            below += self.size[member];
            offsets.push(offset);
            let weight = if self.is_waypoint(member) { WAYPOINT_WEIGHT } else { 1.0 };
            let mut pool = Pool { sum: weight * (desired(self, member) - offset), weight, count: 1 };
            while let Some(last) = pools.pop_if(|last| last.mean() > pool.mean()) {
                pool = Pool {
                    sum: last.sum + pool.sum,
                    weight: last.weight + pool.weight,
                    count: last.count + pool.count,
                };
            }
            pools.push(pool);
        }
        let slack = (height - below).max(0.0);
        let levels = pools.iter().flat_map(|pool| std::iter::repeat_n(pool.mean().clamp(0.0, slack), pool.count));
        for ((&member, offset), level) in members.iter().zip(offsets).zip(levels) {
            self.y[member] = offset + level;
        }
    }

    fn is_waypoint(&self, member: usize) -> bool {
        self.size[member] < 1.0
    }

    /// Moves the whole to the middle of its height.
    fn centre(&mut self, height: f32) {
        let ends = self.y.iter().zip(&self.size).map(|(y, size)| (y - 0.5 * size, y + 0.5 * size));
        let (top, bottom) = ends.fold((f32::INFINITY, 0.0_f32), |(top, bottom), (a, b)| (top.min(a), bottom.max(b)));
        let shift = 0.5 * (height - bottom - top);
        if shift.is_finite() {
            self.y.iter_mut().for_each(|y| *y += shift);
        }
    }
}

/// Members that stand as close as they may.
struct Pool {
    sum: f32,
    weight: f32,
    count: usize,
}

impl Pool {
    fn mean(&self) -> f32 {
        self.sum / self.weight
    }
}
