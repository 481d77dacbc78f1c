//! Small holes and islands (`remove_small_regions`).

use std::ops::Range;

use crate::mask::{Column, Rle};

/// Fills the holes of less than `min_area` pixels, then drops the islands; none where there are neither. Pixels that touch
/// at a corner belong together. Where every island is small, the largest stays.
pub(super) fn remove_small(mask: &Rle, min_area: usize) -> Option<Rle> {
    let filled = fill_holes(mask, min_area);
    let cleaned = drop_islands(filled.as_ref().unwrap_or(mask), min_area);
    cleaned.or(filled)
}

fn fill_holes(mask: &Rle, min_area: usize) -> Option<Rle> {
    let outside = Regions::of(&mask.complement());
    outside.any_below(min_area).then(|| outside.select(|region| region.area >= min_area).complement())
}

fn drop_islands(mask: &Rle, min_area: usize) -> Option<Rle> {
    let islands = Regions::of(mask);
    if !islands.any_below(min_area) {
        return None;
    }
    if islands.list.iter().any(|region| region.area >= min_area) {
        return Some(islands.select(|region| region.area >= min_area));
    }
    let largest = islands.largest();
    Some(islands.select(|region| Some(region) == largest.as_ref()))
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Region {
    area: usize,
    /// Row and column of the first of its 2×2 blocks.
    first: [u32; 2],
}

/// The connected regions of a mask.
struct Regions {
    /// `[height, width]`.
    size: [usize; 2],
    columns: Vec<Column>,
    /// For each column's run, its region.
    labels: Vec<usize>,
    list: Vec<Region>,
}

impl Regions {
    fn of(mask: &Rle) -> Self {
        let columns: Vec<Column> = mask.columns().collect();
        let mut parents: Vec<usize> = (0..columns.len()).collect();
        let mut before = 0..0;
        for run in columns.chunk_by(|a, b| a.x == b.x) {
            let here = before.end..before.end + run.len();
            if columns[before.start].x + 1 == run[0].x {
                join(&columns, before, here.clone(), &mut parents);
            }
            before = here;
        }
        let mut numbers = vec![usize::MAX; columns.len()];
        let mut list: Vec<Region> = Vec::new();
        let labels = (0..columns.len())
            .map(|index| {
                let root = find(&mut parents, index);
                let Column { x, y0, y1 } = columns[index];
                let (area, first) = ((y1 - y0) as usize, [y0 / 2, x / 2]);
                if numbers[root] == usize::MAX {
                    numbers[root] = list.len();
                    list.push(Region { area, first });
                } else {
                    let region = &mut list[numbers[root]];
                    region.area += area;
                    region.first = region.first.min(first);
                }
                numbers[root]
            })
            .collect();
        Self { size: mask.size(), columns, labels, list }
    }

    fn any_below(&self, min_area: usize) -> bool {
        self.list.iter().any(|region| region.area < min_area)
    }

    /// Of several that are as large, the one OpenCV numbers first: it goes through blocks of 2×2 pixels row by row.
    fn largest(&self) -> Option<Region> {
        self.list.iter().min_by_key(|region| (usize::MAX - region.area, region.first)).cloned()
    }

    fn select(&self, keep: impl Fn(&Region) -> bool) -> Rle {
        let kept: Vec<bool> = self.list.iter().map(keep).collect();
        let columns = self.columns.iter().zip(&self.labels).filter(|(_, label)| kept[**label]);
        Rle::from_columns(columns.map(|(column, _)| *column), self.size)
    }
}

/// Unites the runs of a column with those of the column before it that they touch.
fn join(columns: &[Column], before: Range<usize>, here: Range<usize>, parents: &mut [usize]) {
    let (mut i, mut j) = (before.start, here.start);
    while i < before.end && j < here.end {
        let (a, b) = (columns[i], columns[j]);
        if a.y0 <= b.y1 && b.y0 <= a.y1 {
            union(parents, i, j);
        }
        if a.y1 < b.y1 { i += 1 } else { j += 1 }
    }
}

fn find(parents: &mut [usize], mut index: usize) -> usize {
    while parents[index] != index {
        parents[index] = parents[parents[index]];
        index = parents[index];
    }
    index
}

fn union(parents: &mut [usize], a: usize, b: usize) {
    let (a, b) = (find(parents, a), find(parents, b));
    parents[a.max(b)] = a.min(b);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> Rle {
        let pixels: Vec<u8> = rows.iter().flat_map(|row| row.bytes().map(|pixel| u8::from(pixel == b'#'))).collect();
        Rle::from_pixels(&pixels, rows[0].len(), rows.len()).unwrap()
    }

    #[test]
    fn small_holes_are_filled_and_small_islands_dropped() {
        let before = mask(&["####...", "#.##...", "####..#", ".......", "..##..."]);
        let after = mask(&["####...", "####...", "####...", ".......", "......."]);
        assert_eq!(remove_small(&before, 3), Some(after));
        assert_eq!(remove_small(&before, 1), None);
    }

    #[test]
    fn a_corner_connects() {
        let diagonal = mask(&["#...", ".#..", "..#.", "...#"]);
        assert_eq!(remove_small(&diagonal, 4), None);
        assert_eq!(remove_small(&mask(&["#.#", ".#.", "#.#"]), 2), None);
    }

    #[test]
    fn the_largest_of_small_islands_stays() {
        let before = mask(&["#......", "....##.", "#......", "......."]);
        let after = mask(&[".......", "....##.", ".......", "......."]);
        assert_eq!(remove_small(&before, 10), Some(after));
    }

    /// cv2.connectedComponentsWithStats numbers the lower one first: blocks, not pixels, are in order.
    #[test]
    fn of_equals_the_one_in_the_first_block_stays() {
        let before = mask(&["....#", "#....", "....."]);
        let after = mask(&[".....", "#....", "....."]);
        assert_eq!(remove_small(&before, 5), Some(after));
    }

    #[test]
    fn an_empty_mask_whose_outside_is_small_is_filled() {
        assert_eq!(remove_small(&mask(&["..", ".."]), 4), None);
        assert_eq!(remove_small(&mask(&["..", ".."]), 5), Some(mask(&["##", "##"])));
    }
}
