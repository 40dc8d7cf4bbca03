//! Pictures: from elsewhere in a frame when they are asked for, and from the answer's own text at once.

use std::cell::RefCell;

use js_sys::{Uint8Array, encode_uri_component};
use web_sys::{Element, Url};

use super::browser;
use crate::action::{DATA_PICTURE, DO_LOAD};
use crate::html::Html;

/// The picture in place of its button. The frame is alone: no scripts, no origin, no referrer.
pub fn show(button: &Element) -> Option<()> {
    let address = browser::attribute(button, "data-url");
    let source = ["/frame/picture?url=", &String::from(encode_uri_component(&address))].concat();
    let description = browser::first(button, ".picture-description").map(|found| browser::text(&found));
    let mut figure = Html::default();
    figure.markup(r#"<figure class="picture-frame""#).attribute("data-url", &address);
    figure.markup(r#"><iframe sandbox="" referrerpolicy="no-referrer""#).attribute("src", &source);
    figure.attribute("title", description.as_deref().unwrap_or("Picture")).markup("></iframe></figure>");
    button.insert_adjacent_html("beforebegin", &figure.into_string()).ok()?;
    let figure = button.previous_element_sibling()?;
    button.remove();
    // Whoever presses keys goes on from here.
    browser::focus(&figure);
    Some(())
}

/// Shows the pictures that are in the text itself, within this element.
pub fn load_pictures(element: &Element) {
    let places = browser::all(element, &["[", DO_LOAD, "=", DATA_PICTURE, "]"].concat());
    if places.is_empty() {
        return;
    }
    forget_pictures_that_are_gone();
    for place in places {
        browser::unset(&place, DO_LOAD);
        if load(&place).is_none() {
            browser::set(&place, "class", "dead-link");
            browser::set(&place, "title", "This picture is not what it says it is");
            if browser::text(&place).is_empty() {
                place.set_text_content(Some("Picture"));
            }
        }
    }
}

fn load(place: &Element) -> Option<()> {
    let url = browser::attribute(place, "data-url");
    let (kind, data) = url.strip_prefix("data:image/")?.split_once(";base64,")?;
    let bytes = decoded(data)?;
    if !is_signed(kind, &bytes) {
        return None;
    }
    let blob = browser::blob(&Uint8Array::from(bytes.as_slice()), &["image/", kind].concat())?;
    let address = Url::create_object_url_with_blob(&blob).ok()?;
    let mut picture = Html::default();
    picture.markup("<img").attribute("src", &address).attribute("alt", &browser::text(place)).markup(">");
    place.set_inner_html(&picture.into_string());
    SHOWN.with_borrow_mut(|shown| shown.push((place.clone(), address)));
    Some(())
}

thread_local! {
    /// Where pictures were made, and what the browser keeps for each.
    static SHOWN: RefCell<Vec<(Element, String)>> = const { RefCell::new(Vec::new()) };
}

fn forget_pictures_that_are_gone() {
    SHOWN.with_borrow_mut(|shown| {
        shown.retain(|(place, address)| {
            let is_there = browser::closest(place, "body").is_some();
            if !is_there {
                let _ = Url::revoke_object_url(address);
            }
            is_there
        });
    });
}

/// What base64 stands for; nothing if it is none.
fn decoded(base64: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(base64.len() / 4 * 3);
    let mut bits = 0_u32;
    for (at, digit) in base64.trim_end_matches('=').bytes().enumerate() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        // The first digit of four completes no byte, each other one does.
        let left = 6 - 2 * (at % 4);
        if at % 4 > 0 {
            bytes.push((bits >> left).to_le_bytes()[0]);
        }
    }
    Some(bytes)
}

/// Whether bytes begin as a picture of this kind does.
fn is_signed(kind: &str, bytes: &[u8]) -> bool {
    match kind {
        "png" => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
        "jpeg" => bytes.starts_with(b"\xff\xd8\xff"),
        "gif" => bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a"),
        "webp" => bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_at_every_length() {
        for (base64, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decoded(base64).as_deref(), Some(bytes.as_bytes()), "{base64}");
        }
        assert_eq!(decoded("+/+/"), Some(vec![0xfb, 0xff, 0xbf]));
        assert_eq!(decoded("Zm9v-_"), None);
    }

    #[test]
    fn a_picture_is_known_by_its_first_bytes() {
        let pictures: [(&str, &[u8]); 5] = [
            ("png", b"\x89PNG\r\n\x1a\n\0\0"),
            ("jpeg", b"\xff\xd8\xff\xe0"),
            ("gif", b"GIF87a"),
            ("gif", b"GIF89a.."),
            ("webp", b"RIFF\x24\0\0\0WEBPVP8 "),
        ];
        for (kind, bytes) in pictures {
            for declared in ["png", "jpeg", "gif", "webp", "svg+xml", ""] {
                assert_eq!(is_signed(declared, bytes), declared == kind, "{declared} {kind}");
            }
        }
        for kind in ["png", "jpeg", "gif", "webp"] {
            assert!(!is_signed(kind, b""));
            assert!(!is_signed(kind, b"<svg onload=x>"));
        }
    }
}
