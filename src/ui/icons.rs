//! Line icons: one family, 1.5 px strokes (set by the style). Each stands beside words or inside a labelled
//! button, so all of them are hidden from assistive technology. Each is one path.

use leptos::prelude::*;

/// Shows an icon.
#[component]
pub fn Icon(path: &'static str) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
            <path d=path></path>
        </svg>
    }
}

pub const SLIDERS: &str = "M3 6.5h7M14 6.5h3M12 4.5v4M3 13.5h3M10 13.5h7M8 11.5v4";
pub const SEND: &str = "M10 16V4.5M5 9.5l5-5 5 5";
pub const STOP: &str = "M6 6h8v8H6z";
pub const COPY: &str = "M7.5 7.5h8v8h-8zM4.5 12.5v-8h8";
pub const PAGE: &str = "M5 3.5h10v13H5zM7.5 7.5h5M7.5 10.5h5M7.5 13.5h3";
pub const CHECK: &str = "M4.5 10.5l3.5 3.5 7.5-8";
pub const RETRY: &str = "M15.5 8a6 6 0 1 0 .5 4M16 4v4h-4";
pub const DOWN: &str = "M10 4.5v11M5 10.5l5 5 5-5";
pub const EDIT: &str = "M4 16l.8-3.4L13 4.4l2.6 2.6-8.2 8.2zM11.5 5.9l2.6 2.6";
pub const FORK: &str = "M5 4v12M5 12c0-4 9-2 9-6M11.5 7.5L14 5l2.5 2.5";
pub const LIST: &str = "M3.5 5.5h13M3.5 10h13M3.5 14.5h13";
pub const PLUS: &str = "M10 4.5v11M4.5 10h11";
pub const STREAM: &str =
    "M3 6c2.5-2.5 4.5-2.5 7 0s4.5 2.5 7 0M3 10.5c2.5-2.5 4.5-2.5 7 0s4.5 2.5 7 0M3 15c2.5-2.5 4.5-2.5 7 0";
