#!/usr/bin/env bash
# Opens report.html in headless Chromium, at 400 and 1,280 pixels, without its font
# installed: no console error, no request, tables that sort, values under the pointer, no
# text cut or over other text, both themes.
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
small="--replications 2 --quiet"
"$herdsim" --policy fixed,budget,none $small > out.txt
"$herdsim" --vary 'service.queue=500,5_000' --vary 'policy.*.timeout=250ms,1s' \
    --horizon 20s $small --name sweep > out.txt
"$herdsim" fence --replications 20000 --quiet > out.txt
"$herdsim" saga --replications 20000 --quiet > out.txt
"$herdsim" quorum --r 1,2 --w 1,2 --quiet > out.txt
"$herdsim" report out/blip out/fence --out together 2> out.txt
"$herdsim" --policy tower,linkerd,sre,grpc,budget,envoy,fixed,full-jitter,none $small --name many > out.txt
browse() {
    timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --hide-scrollbars \
        --user-data-dir="$work/profile" --disable-background-networking \
        --disable-component-update --no-first-run "$@" 2>> chromium.log
}

# A copy that exercises itself and leaves what it found in its title: what sorting the
# first table does, in how many figures some place has a value, what was asked for.
cat > exercise.js << 'JS'
<script>
addEventListener("load", () => {
  const found = [];
  // No window of this browser is as narrow as a phone: the page is.
  const room = innerWidth < 600 ? 400 : innerWidth;
  document.documentElement.style.width = room + "px";
  const table = document.querySelector("table");
  const first = () => [...table.tBodies[0].rows].map(row => row.cells[0].textContent).join(",");
  const button = column => table.tHead.rows[0].cells[column].querySelector("button");
  found.push(first());
  button(1).click();
  found.push(first());
  button(1).click();
  found.push(first());
  const figures = [...document.querySelectorAll("figure")];
  const tells = figure => {
    const box = figure.querySelector("svg").getBoundingClientRect();
    for (let y = 0.05; y < 1; y += 0.02) {
      for (let x = 0.05; x < 1; x += 0.02) {
        figure.querySelector(".plot").dispatchEvent(new MouseEvent("mousemove", {
          bubbles: true, clientX: box.left + box.width * x, clientY: box.top + box.height * y,
        }));
        const tip = figure.querySelector(".tip");
        if (tip && tip.style.display === "block" && tip.childElementCount > 1) return true;
      }
    }
    return false;
  };
  const silent = figures.filter(figure => !tells(figure)).map(figure => figure.id);
  found.push(figures.length + " figures, silent: " + silent.join(","));
  const ids = new Set(figures.map(figure => figure.id));
  found.push(ids.size === figures.length ? "ids differ" : "ids repeat");
  found.push(performance.getEntriesByType("resource").length + " requests");
  // Text that is cut, by its drawing or by the page, and text over other text.
  const cut = [], over = [];
  for (const figure of figures) {
    const svg = figure.querySelector("svg");
    const all = svg.getBoundingClientRect();
    const boxes = [...svg.querySelectorAll("text")]
      .map(text => [text.textContent.trim(), text.getBoundingClientRect()])
      .filter(([text, box]) => text && box.bottom > all.top + 1);
    for (const [i, [text, a]] of boxes.entries()) {
      if (a.left < all.left - 1 || a.right > all.right + 1 || a.bottom > all.bottom + 1) cut.push(figure.id + ": " + text);
      for (const [other, b] of boxes.slice(i + 1)) {
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        // Boxes have room above and below letters that letters do not take.
        if (wide > 1 && high > 0.45 * Math.min(a.height, b.height)) over.push(figure.id + ": " + text + " / " + other);
      }
    }
  }
  if (document.body.scrollWidth > room) cut.push("the page");
  for (const element of document.querySelectorAll("h1, h2, h3, p, li, nav, .board span, .board b")) {
    if (element.scrollWidth > element.clientWidth + 1 && element.clientWidth) cut.push(element.textContent.slice(0, 30));
  }
  found.push("cut: " + cut.slice(0, 4).join(", "), "over: " + over.slice(0, 4).join(", "));
  found.push([...document.fonts].every(font => font.status === "loaded") ? "own font" : "no font");
  document.title = "FOUND " + found.join(" | ");
});
</script>
JS
# exercise PAGE EXPECTED: on a phone and on a screen, light and dark.
exercise() {
    sed "s|</body>||; s|</html>||" "$1" > exercise.html
    cat exercise.js >> exercise.html
    echo '</body></html>' >> exercise.html
    for size in "400,800 0" "1280,900 1" ${3:-}; do
        found=$(browse --enable-logging=stderr --window-size="${size% *}" \
            --blink-settings=preferredColorScheme="${size#* }" \
            --dump-dom "file://$work/exercise.html" | grep -o 'FOUND [^<]*' | head -1)
        case "$found" in
            "FOUND $2"*"silent:  | ids differ | 0 requests | cut:  | over:  | own font") ;;
            *)
                echo "browser: $1 at $size: expected '$2'"
                echo "browser: $1 at $size: found    '$found'"
                exit 1
                ;;
        esac
    done
}
exercise out/blip/report.html "fixed,budget,none | fixed,none,budget | budget,none,fixed | 7 figures"
exercise out/sweep/report.html "fixed,full-jitter,budget"
exercise out/fence/report.html "none,remember-after,check-then-write,atomic,atomic-barrier"
exercise out/saga/report.html "none,per-attempt,per-operation"
exercise out/quorum/report.html "R=1 W=1"
exercise together/report.html "fixed,budget,none"
exercise out/many/report.html "tower,linkerd,sre"
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
echo "browser: reports of every kind sort, tell values, ask for nothing, in both themes"
