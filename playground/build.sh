#!/usr/bin/env bash
# Builds the page: the engine for WebAssembly, and one HTML file around it.
#
#     playground/build.sh OUT.html
set -euo pipefail
out=$(realpath -m "${1:?where to write the page}")
cd "$(dirname "$0")/.."
target=wasm32-unknown-unknown
if ! rustup target list --installed 2> /dev/null | grep -qx "$target"; then
    timeout 120 rustup target add "$target"
fi
cargo build --quiet --profile page -p herdsim-playground --lib --target "$target"
directory=${CARGO_TARGET_DIR:-target}
cargo run --quiet -p herdsim-playground --example bind -- \
    "$directory/$target/page/herdsim_playground.wasm" "$out"
