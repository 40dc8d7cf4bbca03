//! Line icons: one family, 1.5 px strokes. Each stands beside words or inside a labelled button, so all of them
//! are hidden from assistive technology.

use leptos::prelude::*;

macro_rules! icon {
    ($(#[$doc:meta])* $name:ident, $($path:literal),+) => {
        $(#[$doc])*
        #[component]
        pub fn $name() -> impl IntoView {
            view! {
                <svg
                    class="icon"
                    viewBox="0 0 20 20"
                    width="20"
                    height="20"
                    fill="none"
                    stroke="currentColor"
                    stroke-width="1.5"
                    stroke-linecap="round"
                    stroke-linejoin="round"
                    aria-hidden="true"
                >
                    $(<path d=$path />)+
                </svg>
            }
        }
    };
}

icon!(
    /// The brand: water finding its way.
    Mark,
    "M3 6c2.5-2.5 4.5-2.5 7 0s4.500 2.500 7 0",
    "M3 10.500c2.500-2.500 4.500-2.500 7 0s4.500 2.500 7 0",
    "M3 15c2.500-2.500 4.500-2.500 7 0"
);
icon!(NewChat, "M10 4.500v11", "M4.500 10h11");
icon!(Sliders, "M3 6.500h7", "M14 6.500h3", "M12 4.500v4", "M3 13.500h3", "M10 13.500h7", "M8 11.500v4");
icon!(Send, "M10 16V4.500", "M5 9.500l5-5 5 5");
icon!(Stop, "M6 6h8v8H6z");
icon!(Copy, "M7.500 7.500h8v8h-8z", "M4.500 12.500v-8h8");
icon!(Check, "M4.500 10.500l3.500 3.500 7.500-8");
icon!(Retry, "M15.500 8a6 6 0 1 0 .500 4", "M16 4v4h-4");
icon!(Down, "M10 4.500v11", "M5 10.500l5 5 5-5");
