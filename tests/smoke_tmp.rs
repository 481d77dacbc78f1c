use burn_sam::*;
#[test]
fn smoke() {
    let bytes = std::fs::read("pkg/models/tiny.safetensors").unwrap();
    let t = std::time::Instant::now();
    let sam = Predictor::load(&bytes, None, &Device::default()).unwrap();
    println!("load {:?} {} {}", t.elapsed(), sam.model().name, sam.model().parameters);
    let img = image::open("../shared/images/truck.jpg").unwrap().to_rgba8();
    let (w,h) = img.dimensions();
    let t = std::time::Instant::now();
    let mut r = ImageReader::new(w as usize, h as usize, sam.image_size()).unwrap();
    r.push(img.as_raw()).unwrap();
    println!("read {:?}", t.elapsed());
    let t = std::time::Instant::now();
    let e = sam.encode(r).unwrap().run();
    println!("encode {:?}", t.elapsed());
    for _ in 0..2 {
    let t = std::time::Instant::now();
    let m = block_on(e.segment(&[Prompt::new().with_point(Point::foreground(500.0,375.0).unwrap())], &SegmentOptions::default())).unwrap();
    println!("segment {:?}", t.elapsed());
    for m in &m[0] { println!("{} {} {:?} {}", m.token, m.score, m.bbox, m.area); }
    }
}
