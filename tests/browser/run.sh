#!/usr/bin/env bash
# Opens report.html in headless Chromium: no console error, no request, tables that
# sort, values under the pointer, both themes.
#
#     tests/browser/run.sh HERDSIM [DIRECTORY FOR SCREENSHOTS]
set -euo pipefail
herdsim=$(realpath "$1")
shots=${2:-}
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$chromium" ] && command -v apt-get > /dev/null && [ "$(id -u)" = 0 ]; then
    (apt-get update -q && apt-get install -y -q chromium) > /dev/null 2>&1 || true
    chromium=$(command -v chromium || true)
fi
if [ -z "$chromium" ]; then
    echo "browser: skipped, there is no Chromium and none could be installed"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$herdsim" --policy fixed,budget,none --replications 2 --quiet > out.txt
browse() {
    timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --hide-scrollbars \
        --user-data-dir="$work/profile" --disable-background-networking \
        --disable-component-update --no-first-run "$@" 2>> chromium.log
}

# A copy that exercises itself and leaves what it found in its title.
cat > exercise.js << 'JS'
<script>
addEventListener("load", () => {
  const found = [];
  const table = document.querySelector("table");
  const first = () => [...table.tBodies[0].rows].map(row => row.cells[0].textContent).join(",");
  const button = column => table.tHead.rows[0].cells[column].querySelector("button");
  found.push(first());
  button(1).click();
  found.push(first());
  button(1).click();
  found.push(first());
  const figure = document.querySelector("figure#timeline");
  const box = figure.querySelector("svg").getBoundingClientRect();
  figure.dispatchEvent(new MouseEvent("mousemove", {
    bubbles: true, clientX: box.left + box.width * 0.5, clientY: box.top + box.height * 0.35,
  }));
  const tip = figure.querySelector(".tip");
  found.push(tip.style.display + ":" + tip.childElementCount);
  found.push(performance.getEntriesByType("resource").length + " requests");
  document.title = "FOUND " + found.join(" | ");
});
</script>
JS
sed "s|</body>||; s|</html>||" out/blip/report.html > exercise.html
cat exercise.js >> exercise.html
echo '</body></html>' >> exercise.html
found=$(browse --enable-logging=stderr --dump-dom "file://$work/exercise.html" | grep -o 'FOUND [^<]*' | head -1)
expected="FOUND fixed,budget,none | fixed,none,budget | budget,none,fixed | block:4 | 0 requests"
if [ "$found" != "$expected" ]; then
    echo "browser: expected '$expected'"
    echo "browser: found    '$found'"
    exit 1
fi
if grep -E "CONSOLE.*(error|Refused|Uncaught)" chromium.log; then
    echo "browser: the console has errors"
    exit 1
fi
for theme in 0 1; do
    browse --blink-settings=preferredColorScheme=$theme --window-size=1200,2400 \
        --screenshot="$work/theme-$theme.png" "file://$work/out/blip/report.html" > /dev/null
    test -s "theme-$theme.png"
done
if cmp -s theme-0.png theme-1.png; then
    echo "browser: the dark page looks like the light one"
    exit 1
fi
if [ -n "$shots" ]; then
    mkdir -p "$shots"
    cp theme-0.png "$shots/dark.png"
    cp theme-1.png "$shots/light.png"
fi
echo "browser: the report sorts, tells values, asks for nothing, in both themes"
