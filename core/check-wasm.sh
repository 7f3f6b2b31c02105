#!/usr/bin/env bash
# The simulated world builds without threads, needs nothing that a browser does not
# have, and builds for WebAssembly where that target can be had.
set -euo pipefail
cd "$(dirname "$0")"
target=wasm32-unknown-unknown

cargo check --quiet --no-default-features
# Of what asks an operating system for randomness or threads nothing may be left.
needs=$(cargo tree --no-default-features -e normal --target "$target" --prefix none |
    grep -E '^(getrandom|rayon|wasm-bindgen|js-sys) ' | sort -u || true)
if [ -n "$needs" ]; then
    echo "wasm: the core needs what is not there: $needs" >&2
    exit 1
fi
if command -v rustup > /dev/null && timeout 120 rustup target add "$target" > /dev/null 2>&1; then
    cargo build --quiet --no-default-features --target "$target"
    echo "wasm: the core builds for $target"
else
    echo "wasm: skipped building for $target, the target cannot be had here"
fi
