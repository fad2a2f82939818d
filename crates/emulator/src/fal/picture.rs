//! A picture to send: a small landscape, whose colours come from the words.

const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;

/// A PNG file of 320 × 240 pixels.
pub fn png(words: &str) -> Vec<u8> {
    let hue = words.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let mut pixels = Vec::with_capacity((HEIGHT * (WIDTH * 3 + 1)) as usize);
    for y in 0..HEIGHT {
        pixels.push(0); // no filter
        for x in 0..WIDTH {
            pixels.extend(colour(x, y, hue));
        }
    }
    let mut file = vec![0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A];
    let mut head = Vec::new();
    head.extend(WIDTH.to_be_bytes());
    head.extend(HEIGHT.to_be_bytes());
    head.extend([8, 2, 0, 0, 0]); // 8 bits, RGB
    chunk(&mut file, *b"IHDR", &head);
    chunk(&mut file, *b"IDAT", &stored(&pixels));
    chunk(&mut file, *b"IEND", &[]);
    file
}

/// A sky that grows lighter downwards, a sun, two hills.
fn colour(x: u32, y: u32, hue: u32) -> [u8; 3] {
    let (fx, fy) = (f64::from(x) / f64::from(WIDTH), f64::from(y) / f64::from(HEIGHT));
    let tint = f64::from(hue % 97) / 97.0;
    let far = 0.62 + 0.08 * (fx * 7.0 + tint * 6.0).sin();
    let near = 0.78 + 0.06 * (fx * 5.0 + 2.0 + tint * 3.0).sin();
    let (dx, dy) = (fx - 0.3 - 0.4 * tint, (fy - 0.3) * 0.75);
    let [r, g, b] = if fy > near {
        [40.0 + 60.0 * tint, 110.0, 60.0]
    } else if fy > far {
        [80.0, 120.0 + 40.0 * tint, 110.0]
    } else if dx * dx + dy * dy < 0.006 {
        [255.0, 214.0, 120.0]
    } else {
        [90.0 + 130.0 * fy + 40.0 * tint, 140.0 + 90.0 * fy, 225.0]
    };
    [r, g, b].map(|part: f64| part.clamp(0.0, 255.0) as u8)
}

fn chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    file.extend(u32::try_from(data.len()).unwrap_or_default().to_be_bytes());
    let from = file.len();
    file.extend(kind);
    file.extend(data);
    let sum = file.iter().skip(from).fold(u32::MAX, |crc, byte| crc32(crc, *byte));
    file.extend((!sum).to_be_bytes());
}

fn crc32(crc: u32, byte: u8) -> u32 {
    (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
}

/// A zlib stream that is not compressed.
fn stored(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut pieces = data.chunks(0xFFFF).peekable();
    while let Some(piece) = pieces.next() {
        let length = u16::try_from(piece.len()).unwrap_or_default();
        stream.push(u8::from(pieces.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(piece);
    }
    let (low, high) = data.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    stream.extend(((high << 16) | low).to_be_bytes());
    stream
}
