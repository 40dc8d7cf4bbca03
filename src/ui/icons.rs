//! Line icons: one family, 1.5 px strokes (set by the style). Each stands beside words or inside a labelled
//! button, so all of them are hidden from assistive technology. Their attributes are literals on purpose: such
//! views are plain text in the browser's file, a tenth of the size of others.

use leptos::prelude::*;

#[component]
pub fn Sliders() -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
            <path d="M3 6.5h7" />
            <path d="M14 6.5h3" />
            <path d="M12 4.5v4" />
            <path d="M3 13.5h3" />
            <path d="M10 13.5h7" />
            <path d="M8 11.5v4" />
        </svg>
    }
}

#[component]
pub fn Send() -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
            <path d="M10 16V4.5" />
            <path d="M5 9.5l5-5 5 5" />
        </svg>
    }
}

#[component]
pub fn Stop() -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
            <path d="M6 6h8v8H6z" />
        </svg>
    }
}

#[component]
pub fn Copy() -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
            <path d="M7.5 7.5h8v8h-8z" />
            <path d="M4.5 12.5v-8h8" />
        </svg>
    }
}

#[component]
pub fn Check() -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
            <path d="M4.5 10.5l3.5 3.5 7.5-8" />
        </svg>
    }
}

#[component]
pub fn Retry() -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
            <path d="M15.5 8a6 6 0 1 0 .5 4" />
            <path d="M16 4v4h-4" />
        </svg>
    }
}

#[component]
pub fn Down() -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
            <path d="M10 4.5v11" />
            <path d="M5 10.5l5 5 5-5" />
        </svg>
    }
}

#[component]
pub fn Edit() -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
            <path d="M4 16l.8-3.4L13 4.4l2.6 2.6-8.2 8.2z" />
            <path d="M11.5 5.9l2.6 2.6" />
        </svg>
    }
}

#[component]
pub fn Fork() -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
            <path d="M5 4v12" />
            <path d="M5 12c0-4 9-2 9-6" />
            <path d="M11.5 7.5L14 5l2.5 2.5" />
        </svg>
    }
}

#[component]
pub fn List() -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
            <path d="M3.5 5.5h13" />
            <path d="M3.5 10h13" />
            <path d="M3.5 14.5h13" />
        </svg>
    }
}
