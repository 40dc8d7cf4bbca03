//! Just enough of PNG to make a picture without a library: one stored (not compressed) image.

/// Red, green and blue.
pub type Colour = [u8; 3];

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Largest block that deflate can store, in bytes.
const STORED_BLOCK: usize = 65_535;

/// A square picture as a data URL. One with a side of 640 pixels has about 1.6 MB.
pub fn data_url(side: u16, paint: impl Fn(u16, u16) -> Colour) -> String {
    format!("data:image/png;base64,{}", base64(&encode(side, paint)))
}

/// A pleasant pattern: two gradients and a disc.
pub fn disc(side: u16) -> impl Fn(u16, u16) -> Colour {
    move |x, y| {
        let middle = i64::from(side) / 2;
        let (across, down) = (i64::from(x) - middle, i64::from(y) - middle);
        if across * across + down * down < middle * middle / 2 {
            [250, 245, 235]
        } else {
            [shade(x, side), shade(y, side), 160]
        }
    }
}

fn shade(position: u16, side: u16) -> u8 {
    u8::try_from(u32::from(position) * 255 / u32::from(side.max(1))).unwrap_or(u8::MAX)
}

fn encode(side: u16, paint: impl Fn(u16, u16) -> Colour) -> Vec<u8> {
    let mut rows = Vec::new();
    for y in 0..side {
        rows.push(0); // this row is not filtered
        rows.extend((0..side).flat_map(|x| paint(x, y)));
    }
    let mut header = Vec::new();
    header.extend(u32::from(side).to_be_bytes());
    header.extend(u32::from(side).to_be_bytes());
    header.extend([8, 2, 0, 0, 0]); // 8 bits a channel, true colour, the only methods there are, not interlaced
    let mut png = SIGNATURE.to_vec();
    png.extend(chunk(*b"IHDR", &header));
    png.extend(chunk(*b"IDAT", &stored(&rows)));
    png.extend(chunk(*b"IEND", &[]));
    png
}

fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut checked = kind.to_vec();
    checked.extend(data);
    let mut chunk = length(data).to_be_bytes().to_vec();
    chunk.extend(&checked);
    chunk.extend(crc32(&checked).to_be_bytes());
    chunk
}

/// A zlib stream of stored blocks.
fn stored(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = data.chunks(STORED_BLOCK).peekable();
    while let Some(block) = blocks.next() {
        stream.push(u8::from(blocks.peek().is_none()));
        let size = u16::try_from(block.len()).unwrap_or(u16::MAX);
        stream.extend(size.to_le_bytes());
        stream.extend((!size).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler32(data).to_be_bytes());
    stream
}

fn length(data: &[u8]) -> u32 {
    u32::try_from(data.len()).unwrap_or(u32::MAX)
}

fn crc32(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in data {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

fn adler32(data: &[u8]) -> u32 {
    let (low, high) = data.iter().fold((1_u32, 0_u32), |(low, high), &byte| {
        let low = (low + u32::from(byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

fn base64(data: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(data.len().div_ceil(3) * 4);
    for group in data.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4 {
            let sextet = bits >> (18 - 6 * position) & 63;
            let letter = ALPHABET.get(usize::try_from(sextet).unwrap_or(0)).copied().unwrap_or(b'A');
            text.push(if position > group.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_have_their_published_values() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
    }

    #[test]
    fn base64_pads_what_is_short() {
        assert_eq!(
            ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes())),
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
        );
    }

    #[test]
    fn a_picture_has_its_three_chunks() {
        let png = encode(2, |_, _| [1, 2, 3]);
        assert_eq!(&png[..8], SIGNATURE);
        assert_eq!(&png[12..16], b"IHDR");
        // Two rows of one filter byte and six colour bytes, in one stored block of a zlib stream.
        assert_eq!(&png[33..37], 25_u32.to_be_bytes());
        assert_eq!(&png[37..41], b"IDAT");
        assert_eq!(&png[png.len() - 12..], b"\0\0\0\0IEND\xAE\x42\x60\x82");
    }
}
