// The page in a browser without a network: what it says, and that it says nothing else.
//
//     node page.mjs CHROMIUM PAGE.html [DIRECTORY FOR SCREENSHOTS]

import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { browser } from "./browser.mjs";

const [, , program, file, shots] = process.argv;
const url = pathToFileURL(file).href;
const page = await browser(program);
const check = (holds, what, found) => {
  if (!holds) throw new Error(`${what}${found === undefined ? "" : `, found: ${JSON.stringify(found)}`}`);
};
const text = id => page.run(`document.getElementById(${JSON.stringify(id)}).textContent`);
const rest = () => page.until(`document.body.dataset.rests && !running && !wanted`, "a rest", 120_000);
const seen = () => page.run("Number(document.body.dataset.runs ?? 0)");
// What a hand does to a slider.
const move = async (id, to) => {
  const before = await seen();
  await page.run(`(() => {
    const box = document.getElementById("c-" + ${JSON.stringify(id)}), input = box.querySelector("input");
    input.value = typeof ${JSON.stringify(to)} === "number" ? ${JSON.stringify(to)} : box.stops.indexOf(${JSON.stringify(to)});
    input.dispatchEvent(new Event("input", { bubbles: true }));
  })()`);
  await page.until(`Number(document.body.dataset.runs) > ${before} && !running && !wanted`, `a run after ${id} to ${to}`);
};
const type = scenario => page.run(`(() => {
  const box = document.getElementById("text");
  box.value = ${JSON.stringify(scenario)};
  box.dispatchEvent(new Event("input", { bubbles: true }));
})()`);
const picture = name => shots ? page.picture(join(shots, name + ".png")) : undefined;
const told = [];
try {
  // From disk, off line: a verdict at once, and then that of the command.
  await page.resize(1280, 900);
  const began = Date.now();
  await page.open(url);
  await page.until("document.body.dataset.runs", "the first verdict", 30_000);
  told.push(`first verdict after ${Date.now() - began} ms`);
  await rest();
  const first = await text("headline");
  check(/^fixed and full-jitter never recover/.test(first), "the blip", first);
  check(/20 runs: the numbers of the command/.test(await text("state")), "the whole size", await text("state"));
  await picture("blip");

  // Jitter alone, and then a budget.
  const answered = () => page.run(`state.shown.board[0].values[0].mean`);
  await move("jitter", "full");
  check(/one tenth of the size/.test(await text("state")), "said to be a tenth", await text("state"));
  told.push(`moving: ${Math.round(await page.run("Number(document.body.dataset.took)"))} ms`);
  await rest();
  check(/^fixed and full-jitter never recover/.test(await text("headline")), "jitter alone", await text("headline"));
  check(await answered() < 0.3, "jitter alone answers few", await answered());
  await picture("jitter");
  await move("budget", "10%");
  await rest();
  check(/^Every policy recovers/.test(await text("headline")), "a budget", await text("headline"));
  check(await answered() > 0.9, "a budget answers most", await answered());
  check(await page.run(`document.querySelectorAll("#goodput path[stroke-dasharray='2 3']").length === 3`), "what was before stays visible");
  await picture("budget");
  check(/jitter = "full"\nbudget = "10%"/.test(await page.run(`state.text`)), "the text has both", await page.run("state.text"));

  // The film is of the run whose series it has: every frame, and what is said of it.
  const film = await page.run(`(() => {
    const { frames, series, bin_s, step_s } = state.film;
    const many = Math.round(step_s / bin_s);
    const wrong = frames.filter((f, n) => {
      const sum = c => series[c].slice(n * many, (n + 1) * many).reduce((a, b) => a + b, 0);
      const dots = [...f.dots].filter(c => (c.charCodeAt(0) - 256) % 6 >= 2).length;
      return Math.abs(f.offered - sum("offered") * bin_s) > 1e-6 || Math.abs(f.ok - sum("goodput") * bin_s) > 1e-6
        || Math.abs(f.mean_queue - sum("queue") / many) > 1e-6 * (1 + f.mean_queue)
        || dots !== f.waiting + f.waiting_in_vain + f.served + f.served_in_vain;
    }).length;
    return [frames.length, wrong];
  })()`);
  check(film[0] === 600 && film[1] === 0, "the film counts what the series has", film);
  const drawn = await page.run(`(() => {
    const slide = document.getElementById("time");
    slide.value = 130;
    slide.dispatchEvent(new Event("input"));
    const f = state.film.frames[130], canvas = document.getElementById("screen");
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let inked = 0;
    for (let i = 3; i < pixels.length; i += 4) inked += pixels[i] > 0;
    return [document.getElementById("counts").textContent.includes("waiting " + f.waiting), inked > 1000];
  })()`);
  check(drawn.every(Boolean), "a frame is drawn and counted", drawn);
  await page.run(`document.getElementById("play").click()`);
  await page.until(`Number(document.getElementById("time").value) > 135`, "the film plays");
  await page.run(`document.getElementById("play").click()`);
  const paused = await page.run(`document.getElementById("time").value`);
  await new Promise(resolve => setTimeout(resolve, 300));
  check(paused === await page.run(`document.getElementById("time").value`), "the film pauses");

  // Every control to both of its ends; the keyboard moves one.
  await page.run(`document.getElementById("preset").value = "0"; document.getElementById("preset").dispatchEvent(new Event("change"))`);
  await rest();
  let slowest = 0;
  for (const id of ["load", "blip", "timeout", "attempts", "delay", "jitter", "budget", "action", "when"]) {
    const last = await page.run(`document.getElementById("c-${id}").stops.length - 1`);
    const home = await page.run(`Number(document.querySelector("#c-${id} input").value)`);
    for (const to of [0, last, Math.floor(last / 2)]) {
      if (to === await page.run(`Number(document.querySelector("#c-${id} input").value)`)) continue;
      await move(id, to);
      if (id !== "load") slowest = Math.max(slowest, await page.run("Number(document.body.dataset.took)"));
      const stands = await page.run(`[document.querySelector("#c-${id} output").textContent, document.getElementById("c-${id}").stops[${to}]]`);
      check(stands[0] === stands[1], `${id} stands where it was put`, stands);
      check(await page.run(`document.getElementById("problem").hidden && document.getElementById("notice").hidden`), `${id} at ${to} is no problem`, await text("notice"));
    }
    if (id !== "action" && id !== "when") await move(id, home);
  }
  told.push(`slowest move: ${Math.round(slowest)} ms`);
  await page.run(`document.querySelector("#c-attempts input").focus()`);
  const attempts = await text("c-attempts");
  const runs = await seen();
  for (const kind of ["keyDown", "keyUp"]) await page.send("Input.dispatchKeyEvent", { type: kind, key: "ArrowLeft", code: "ArrowLeft", windowsVirtualKeyCode: 37 });
  await page.until(`Number(document.body.dataset.runs) > ${runs}`, "a key moves a slider");
  check(attempts !== await text("c-attempts"), "a key moves a slider");
  check(await page.run(`[...document.querySelectorAll("input, select, textarea")].every(e => e.labels?.length || e.ariaLabel)`), "every control has a label");

  // Nothing that is typed, pressed or chosen gets lost, however fast.
  await page.run(`document.getElementById("preset").value = "0"; document.getElementById("preset").dispatchEvent(new Event("change"))`);
  await rest();
  const typed = await page.run(`(async () => {
    const box = document.getElementById("text");
    box.focus();
    for (const [i, letter] of [..."# written by hand"].entries()) {
      box.setRangeText(letter, i, i, "end");
      box.dispatchEvent(new Event("input", { bubbles: true }));
      await new Promise(resolve => setTimeout(resolve, 90 + 83 * (i % 4)));
    }
    return box.value.split("\\n")[0];
  })()`);
  check(typed.startsWith("# written by hand# The default"), "typing stays", typed);
  await page.run(`document.querySelector("#c-load input").focus()`);
  const from = await page.run(`Number(document.querySelector("#c-load input").value)`);
  for (let i = 0; i < 6; i++) {
    for (const kind of ["keyDown", "keyUp"]) await page.send("Input.dispatchKeyEvent", { type: kind, key: "ArrowRight", code: "ArrowRight", windowsVirtualKeyCode: 39 });
    await new Promise(resolve => setTimeout(resolve, 20 + 25 * (i % 3)));
  }
  await rest();
  const to = await page.run(`[Number(document.querySelector("#c-load input").value), document.querySelector("#c-load output").textContent, state.read.controls[0].stops[state.read.controls[0].at]]`);
  check(to[0] === from + 6 && to[1] === to[2], "every key counts", [from, to]);
  await page.run(`(() => {
    for (const [id, stop] of [["attempts", "3"], ["timeout", "1s"]]) {
      const box = document.getElementById("c-" + id), input = box.querySelector("input");
      input.value = box.stops.indexOf(stop);
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }
    const compare = document.getElementById("compare");
    for (const name of ["grpc", "polly"]) {
      compare.value = name;
      compare.dispatchEvent(new Event("change"));
    }
  })()`);
  await rest();
  const all = await page.run("state.text");
  check(/attempts = 3/.test(all) && /timeout = "1s"/.test(all) && /"grpc", "polly"/.test(all), "every move counts", all);
  // On its way and back a slider leaves what there was.
  await page.run(`document.getElementById("policy").value = "full-jitter"; document.getElementById("policy").dispatchEvent(new Event("change"))`);
  await page.until(`state.policy === "full-jitter" && document.getElementById("c-delay").stops.includes("100ms")`, "full-jitter");
  await rest();
  const backoff = await page.run("state.text");
  for (const stop of ["none", "30s", "100ms"]) await move("delay", stop);
  check(backoff === await page.run("state.text"), "there and back is where it was", await page.run("state.text"));
  // What cannot be meant is refused, and the run at the whole size goes on.
  await move("delay", "none");
  await page.run(`(() => {
    const box = document.getElementById("c-attempts"), input = box.querySelector("input");
    input.value = box.stops.indexOf("unlimited");
    input.dispatchEvent(new Event("input", { bubbles: true }));
  })()`);
  await page.until(`/cannot be moved there/.test(document.getElementById("notice").textContent)`, "a refusal");
  await rest();
  check(/numbers of the command/.test(await text("state")), "the run went on", await text("state"));
  await page.run(`(() => {
    for (const [id, stop] of [["timeout", "500ms"], ["attempts", "unlimited"], ["jitter", "equal"]]) {
      const box = document.getElementById("c-" + id), input = box.querySelector("input");
      input.value = box.stops.indexOf(stop);
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }
  })()`);
  await rest();
  const kept = await page.run("state.text");
  check(/timeout = "500ms"/.test(kept) && /jitter = "equal"/.test(kept) && !/unlimited/.test(kept), "a refusal takes nothing with it", kept);

  // The link is the scenario; cut short it says so.
  await page.run(`document.getElementById("policy").value = "budget"; document.getElementById("policy").dispatchEvent(new Event("change"))`);
  await page.until(`state.policy === "budget" && location.hash.includes("&p=budget")`, "another policy is chosen");
  await rest();
  const [link, own] = await page.run(`[location.href, state.text]`);
  check(link.includes("#s="), "there is a link", link);
  await page.open(link);
  await rest();
  check(own === await page.run("state.text") && await page.run("state.policy") === "budget", "the link brings back the scenario");
  for (const cut of [link.slice(0, -30), link.replace(/&p=.*/, "").slice(0, -7), url + "#s=", url + "#s=!!"]) {
    await page.open(cut);
    await rest();
    check(/cut short/.test(await text("notice")), "a cut link says so", [cut.slice(-20), await text("notice")]);
    check(/name = "blip"/.test(await page.run("state.text")), "and begins anew");
  }

  // What cannot be meant, at its place; what is not for a page, with the command.
  await type("[service]\nservers = 100\nserver = 5\n");
  await page.until(`!document.getElementById("problem").hidden`, "a problem");
  const problem = await text("problem");
  check(/`server`/.test(problem) && /3 │ server = 5/.test(problem) && /\^{6}/.test(problem), "a bad scenario", problem);
  await type("[service]\nservers = 120\n");
  await page.until(`document.getElementById("problem").hidden`, "it is mended");
  for (const [scenario, what] of [
    ['kind = "fence"\n', /herdsim run scenario\.toml/],
    ['kind = "saga"\n', /herdsim run scenario\.toml/],
    ['[sweep]\n"service.queue" = [1, 2]\n', /herdsim sweep scenario\.toml/],
    ["callers = { count = 2_000_000 }\nservice = { servers = 40_000 }\n", /too much for a page[^]*herdsim run/],
  ]) {
    await type(scenario);
    await page.until(`${what}.test(document.getElementById("notice").textContent)`, String(what));
  }
  await type('kind = "quorum"\n');
  await page.until(`state.shown?.kind === "quorum"`, "a quorum");
  check(await page.run(`document.querySelectorAll("#board tbody tr").length > 0 && document.getElementById("timeline").hidden`), "a quorum has a table");
  await picture("quorum");

  // A phone, in the dark, for somebody who wants nothing to move; on paper.
  await page.resize(400, 800, { "prefers-color-scheme": "dark", "prefers-reduced-motion": "reduce" });
  await page.open(url);
  await rest();
  check(await page.run("document.documentElement.scrollWidth") <= 400, "it fits a phone", await page.run("document.documentElement.scrollWidth"));
  check(await page.run(`document.getElementById("play").hidden && !document.getElementById("film").hidden`), "nothing moves by itself");
  await picture("phone");
  await page.resize(800, 1100, { media: "print" });
  check(await page.run(`getComputedStyle(document.getElementById("controls")).display === "none"`), "controls are not printed");
  await picture("print");
  check(page.requests().length === 0, "nothing is asked of a network", page.requests());
  check(page.errors().length === 0, "nothing goes wrong", page.errors());
  console.log(`playground: the page holds (${told.join(", ")})`);
} catch (error) {
  console.error(`playground: ${error.message}`);
  console.error(page.errors().join("\n"));
  process.exitCode = 1;
} finally {
  page.close();
}
