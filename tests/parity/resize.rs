//! The resize against Pillow's own.

use super::fixtures::{Fixture, text};
use crate::ImageReader;

/// Every pixel of every image is Pillow's.
#[test]
fn equals_pillow() {
    let fixture = Fixture::open("resize");
    let mut compared = 0;
    for case in fixture.list("resizes") {
        let name = text(case, "name");
        let side = case["longest_side"].as_u64().unwrap() as usize;
        let (source, target) = (fixture.get(&format!("{name}/source")), fixture.get(&format!("{name}/target")));
        let [height, width, _] = source.shape[..] else { panic!("three axes") };
        let rgba: Vec<u8> = source.data.chunks(3).flat_map(|p| [p[0] as u8, p[1] as u8, p[2] as u8, 9]).collect();
        let mut reader = ImageReader::new(width, height, side).unwrap();
        reader.push(&rgba).unwrap();
        let geometry = reader.geometry();
        assert_eq!([geometry.input_height, geometry.input_width], target.shape[..2], "{name}: size");
        let resized = reader.resized().unwrap();
        let differing = resized.iter().zip(&target.data).filter(|(a, b)| f32::from(**a) != **b).count();
        assert_eq!(differing, 0, "{name}: {differing} of {} values differ", resized.len());
        compared += resized.len();
    }
    assert!(compared > 10_000, "{compared} values compared");
}
