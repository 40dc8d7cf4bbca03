//! The renderer, as the page sees it: the module that writes Markdown in the browser (`crate::renderer`).

use leptos::task::spawn_local;
use wasm_bindgen::prelude::*;
use web_sys::HtmlElement;

#[wasm_bindgen]
extern "C" {
    /// The module `crate::renderer`.
    #[derive(Clone, Debug)]
    pub type Renderer;

    /// Writes a whole text, which goes on with `earlier`, into an element. This and the others fail only if the module is broken.
    #[wasm_bindgen(method, catch)]
    pub fn write(this: &Renderer, container: &HtmlElement, earlier: &str, text: &str) -> Result<(), JsValue>;

    /// Writes a whole text, which goes on with `earlier`, into an element that holds its end already, over many frames.
    #[wasm_bindgen(method, catch)]
    pub fn write_before(
        this: &Renderer,
        container: &HtmlElement,
        earlier: &str,
        text: &str,
    ) -> Result<(), JsValue>;

    /// Shows the pictures that an element holds as data.
    #[wasm_bindgen(method, catch)]
    pub fn show_pictures(this: &Renderer, element: &HtmlElement) -> Result<(), JsValue>;

    /// What writes a growing text into an element.
    #[derive(Clone, Debug)]
    pub type Writer;

    #[wasm_bindgen(method, catch)]
    pub fn push(this: &Writer, text: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    pub fn finish(this: &Writer) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    pub fn writer(
        this: &Renderer,
        container: &HtmlElement,
        earlier: &str,
        shown: &str,
    ) -> Result<Writer, JsValue>;

    #[wasm_bindgen(js_name = loadRenderer, catch)]
    async fn load_renderer() -> Result<JsValue, JsValue>;
}

/// The renderer, which is loaded when it is asked for the first time; `None` if that failed.
pub async fn renderer() -> Option<Renderer> {
    load_renderer().await.ok().map(JsCast::unchecked_into)
}

/// Has the renderer loaded, since there will be something to read. If that fails, whoever shows an answer asks again and
/// says so.
pub fn prepare() {
    spawn_local(async { drop(renderer().await) });
}
