#!/usr/bin/env bash
# The page that runs the engine: built for WebAssembly where that can be, held to the command
# by Node where it is, and opened in a browser without a network where there is one.
#
#     tests/playground/run.sh HERDSIM [DIRECTORY FOR SCREENSHOTS]
set -euo pipefail
cd "$(dirname "$0")/../.."
herdsim=$(realpath "$1")
shots=${2:+$(realpath "$2")}
target=wasm32-unknown-unknown
if ! command -v rustup > /dev/null || ! timeout 120 rustup target add "$target" > /dev/null 2>&1; then
    echo "playground: skipped, $target cannot be had here"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
playground/build.sh "$work/page.html"
# The command that has the page: it writes it with a scenario in it, and beside a report.
HERDSIM_PLAYGROUND="$work/page.html" cargo test --quiet -p herdsim --features playground --test playground
install() {
    command -v "$1" > /dev/null || { command -v apt-get > /dev/null && [ "$(id -u)" = 0 ] &&
        (apt-get update -q && apt-get install -y -q "$2") > /dev/null 2>&1; } || true
}
install node nodejs
if ! command -v node > /dev/null || [ "$(node -p 'parseInt(process.versions.node)')" -lt 18 ]; then
    echo "playground: the page is built; skipped the rest, there is no Node 18 or newer"
    exit 0
fi
engine=${CARGO_TARGET_DIR:-target}/$target/page/herdsim_playground.wasm
node tests/playground/equal.mjs "$engine" "$herdsim"
install chromium chromium
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$chromium" ]; then
    echo "playground: skipped the browser, there is no Chromium and none could be installed"
    exit 0
fi
node tests/playground/page.mjs "$chromium" "$work/page.html" ${shots:+"$shots"}
