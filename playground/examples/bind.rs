//! Binds the page: engine, worker, script and style in one file that needs nothing else.
//!
//!     cargo run -p herdsim-playground --example bind -- ENGINE.wasm OUT.html

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// More than this is no page that one sends to somebody.
const MOST_BYTES: usize = 900_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(engine), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("ENGINE.wasm OUT.html".into());
    };
    let engine = std::fs::read(engine)?;
    let mut packed = Vec::new();
    let options = zopfli::Options::default();
    zopfli::compress(options, zopfli::Format::Gzip, &engine[..], &mut packed)?;
    let engine = STANDARD.encode(packed);
    let parts = [
        ("{{STYLE}}", include_str!("../page/page.css")),
        ("{{WORKER}}", include_str!("../page/worker.js")),
        ("{{SCRIPT}}", include_str!("../page/page.js")),
        ("{{VERSION}}", env!("CARGO_PKG_VERSION")),
        // Whoever hands the page on puts a scenario there.
        ("{{SCENARIO}}", "null"),
        ("{{ENGINE}}", &engine),
    ];
    let page = include_str!("../page/index.html").to_string();
    let page = parts
        .iter()
        .fold(page, |page, (mark, part)| page.replace(mark, part));
    if page.len() > MOST_BYTES {
        return Err(format!("the page has {} bytes, more than {MOST_BYTES}", page.len()).into());
    }
    std::fs::write(&out, &page)?;
    println!("{out}: {} bytes", page.len());
    Ok(())
}
