"use strict";
const $ = id => document.getElementById(id);
const make = (tag, fields = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), fields);
  element.append(...children);
  return element;
};
const escaped = text => String(text).replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`);
const number = x => Math.abs(x) >= 100 || Number.isInteger(x) ? Math.round(x).toLocaleString("en") : String(Number(x.toPrecision(3)));
const still = matchMedia("(prefers-reduced-motion: reduce)");
const colour = i => `var(--c${i % 8})`;

// What is shown: the text is the truth, all else follows from it.
const state = {
  text: "", policy: null, invalid: false,
  // The move that is going on: its control, the text that it began from, and what it is now.
  base: null,
  // What the engine last said of it, and what is on the page; whose result that is.
  read: null, shown: null, from: "",
  // The last result at the whole size, and the one that a move has begun from.
  settled: null, before: null,
  film: null,
  // What was wrong with a link, until something is changed.
  cut: "",
};

// ---- Bytes, and links that hold a scenario.
const through = async (bytes, stream) =>
  new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
const bytesOf = base64 => Uint8Array.from(atob(base64), c => c.charCodeAt(0));
const base64 = bytes => {
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return btoa(text);
};
const encoded = async text => {
  const packed = await through(new TextEncoder().encode(text), new CompressionStream("deflate"));
  return base64(packed).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
};
const decoded = async link => {
  const plain = link.replace(/-/g, "+").replace(/_/g, "/");
  // Its end has a checksum: a link that was cut short or changed does not come through.
  const bytes = await through(bytesOf(plain), new DecompressionStream("deflate"));
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
};

// ---- Engines: one that answers at once, one that takes its time and may be given up.
let module;
const workerUrl = URL.createObjectURL(new Blob([$("worker").textContent], { type: "text/javascript" }));
const GIVEN_UP = "given up";
const engine = () => {
  const worker = new Worker(workerUrl);
  const waiting = new Map();
  const fail = why => {
    waiting.forEach(([, reject]) => reject(new Error(why)));
    waiting.clear();
  };
  worker.postMessage({ module });
  worker.onerror = event => fail(event.message || "no worker");
  worker.onmessage = ({ data }) => {
    const [resolve, reject] = waiting.get(data.id);
    waiting.delete(data.id);
    data.failed ? reject(new Error(data.failed)) : resolve(data);
  };
  let id = 0;
  return {
    ask: (questions, text) => new Promise((resolve, reject) => {
      waiting.set(++id, [resolve, reject]);
      worker.postMessage({ id, questions, text });
    }),
    end: () => {
      worker.terminate();
      fail(GIVEN_UP);
    },
    busy: () => waiting.size > 0,
  };
};
let quick, thorough;
// How long somebody waits for a move, in ms; and for how many runs at the whole size.
const PATIENCE = 15_000;
const MOST_RUNS = 500;

// ---- Changes: the latest of a kind counts, what it overtook is never drawn.
let wanted = null, running = false, rest = 0, typing = 0;
const change = ({ move, text, policy, fresh } = {}) => {
  stop();
  if (fresh) {
    state.before = state.settled = null;
    state.policy = policy ?? null;
    $("text").value = text;
  } else {
    state.cut = "";
    $("preset").selectedIndex = -1;
    $("says").textContent = "";
  }
  // What was there before one began to move stays visible behind it.
  if (state.settled) {
    state.before = state.settled;
    state.settled = null;
  }
  wanted ??= { moves: [] };
  if (move && typing) text = $("text").value;
  if (text !== undefined) {
    clearTimeout(typing);
    typing = 0;
    wanted.moves = [];
    wanted.text = text;
    state.base = null;
  }
  if (move) {
    const last = wanted.moves.at(-1);
    const own = { ask: "move", policy: state.policy ?? "", ...move };
    const same = last && last.control === own.control && last.policy === own.policy && own.control !== "compare";
    if (same) wanted.moves.pop();
    wanted.moves.push(own);
  }
  clearTimeout(rest);
  giveUp();
  pump();
};
const giveUp = () => {
  const own = thorough;
  if (!own?.busy()) return;
  thorough = null;
  own.end();
};
// One move: from where its slider began, so that on its way it loses nothing of what was there.
const moved = async (question, text) => {
  const { base } = state;
  const goesOn = base && base.control === question.control && question.control !== "compare" && base.policy === question.policy && base.now === text;
  const from = goesOn ? base.text : text;
  const answered = await asked([question, { ask: "read", policy: question.policy }], from);
  if (!answered) return null;
  const [answer] = answered.answers;
  // What cannot be meant is not made.
  if (answered.answers.at(-1).problem) return answered.answers.at(-1);
  state.base = { control: question.control, policy: question.policy, text: from, now: answer.text, to: question.to };
  return answer;
};
const pump = async () => {
  if (running) return;
  running = true;
  while (wanted) {
    const now = wanted;
    wanted = null;
    const before = now.text ?? state.text;
    let text = before, refused = null;
    const along = new Set();
    for (const question of now.moves) {
      const answer = await moved(question, text);
      if (answer?.text !== undefined) {
        text = answer.text;
        (answer.along ?? []).forEach(name => along.add(name));
        if (question.control === "compare") state.policy = answer.policy;
      } else refused = answer?.problem ?? refused;
    }
    if (now.moves.length) $("along").textContent = along.size ? `Moved along: ${[...along].join(", ")}.` : "";
    const answered = await asked([{ ask: "read", policy: state.policy }, { ask: "run", replications: 1, small: true }], text);
    state.text = text;
    // Not over what somebody has typed meanwhile.
    if (text !== before && $("text").value === before) $("text").value = text;
    rest = setTimeout(() => link(false), 300);
    if (!answered) continue;
    const { answers, took } = answered;
    const last = answers.at(-1);
    const read = answers.find(answer => answer.name !== undefined);
    if (read) {
      state.read = read;
      state.policy = read.policy ?? null;
    }
    if (state.read) controls(state.read);
    problem(last.problem ?? null);
    if (last.problem) {
      if (now.moves.length) notice("The text cannot be meant: it has to be mended before something is moved.");
      continue;
    }
    if (last.elsewhere) {
      elsewhere(last.elsewhere);
      continue;
    }
    notice(refused ? `It cannot be moved there: ${refused.message}.` : state.cut);
    show(last, took);
    clearTimeout(rest);
    rest = setTimeout(thoroughly, 300);
  }
  running = false;
};
// Another policy's sliders and film; nothing is run for it.
const choose = async policy => {
  state.policy = policy;
  const answered = await asked([{ ask: "read", policy }], state.text);
  const read = answered?.answers[0];
  if (read?.name !== undefined) {
    state.read = read;
    state.policy = read.policy ?? null;
    state.base = null;
  }
  if (state.read) controls(state.read);
  if (read?.problem || wanted || running) return;
  film();
  link(false);
};
const asked = async (questions, text) => {
  let timer;
  const late = new Promise(resolve => { timer = setTimeout(resolve, PATIENCE, "late"); });
  try {
    const answered = await Promise.race([quick.ask(questions, text), late]);
    if (answered !== "late") return answered;
    notice(`It takes longer than ${PATIENCE / 1000} s: too much for a page.`);
    $("notice").append(make("pre", { textContent: command("herdsim run scenario.toml", text) }));
  } catch (error) {
    if (error.message === GIVEN_UP) return null;
    notice(`The engine stopped (${error.message}). Please report it, with this scenario.`);
  } finally {
    clearTimeout(timer);
  }
  tell("Not run here.");
  quick.end();
  quick = engine();
  return null;
};
// The whole size: one run first, then as many as the scenario asks for.
const thoroughly = async () => {
  link(false);
  const text = state.text;
  const { asked: batch = 1, most = 1 } = state.shown ?? {};
  const all = Math.min(batch, MOST_RUNS);
  const stages = [...new Set([1, 5, all])].filter(n => n <= all);
  if (state.shown?.kind !== "herd") return rested();
  thorough ??= engine();
  const own = thorough;
  for (const replications of stages) {
    // The last one goes on by itself where it is asked for a precision.
    const question = { ask: "run", replications: replications === all && most <= MOST_RUNS ? null : replications };
    let answered;
    try {
      answered = await own.ask([question], text);
    } catch (error) {
      if (error.message === GIVEN_UP) return;
      thorough = null;
      own.end();
      return notice(`The engine stopped (${error.message}). Please report it, with this scenario.`);
    }
    // Somebody has moved on.
    if (own !== thorough || text !== state.text) return;
    const [answer] = answered.answers;
    if (answer.problem) { problem(answer.problem); return; }
    if (answer.elsewhere) {
      elsewhere(answer.elsewhere);
      return;
    }
    state.settled = answer;
    show(answer, answered.took);
    if (replications === stages[0]) film();
  }
  rested();
};
const rested = () => {
  // Said once, and not at every step of a slider.
  $("live").textContent = `${state.shown?.verdict ?? ""}. ${$("state").textContent}`;
  document.body.dataset.rests = "yes";
};

// ---- What went wrong.
const notice = text => {
  $("notice").hidden = !text;
  $("notice").textContent = text;
};
const problem = told => {
  const box = $("problem");
  state.invalid = !!told;
  box.hidden = !told;
  $("text").setAttribute("aria-invalid", String(!!told));
  if (!told) return;
  const { message, help, place } = told;
  const lines = [message];
  if (place) {
    const gutter = `${place.line} │ `;
    const blank = " ".repeat(gutter.length - 2) + "│ ";
    lines.push(gutter + place.text, blank + " ".repeat(place.column) + "^".repeat(place.length));
  }
  if (help) lines.push("help: " + help);
  box.textContent = lines.join("\n");
  const part = state.shown && !state.settled ? ", of one run" : "";
  tell(`Line ${place?.line ?? "?"} of the scenario cannot be meant; what is drawn is from before${part}.`);
};
const elsewhere = told => {
  notice(told.why);
  $("notice").append(make("pre", { textContent: command(told.command) }));
  tell("Not run here.");
  if (!state.shown || state.from !== state.read?.name) blank();
  rested();
};
const blank = () => {
  state.shown = null;
  for (const id of ["verdict", "setting", "meanings"]) $(id).textContent = "";
  $("cautions").replaceChildren();
  $("board").replaceChildren();
  $("timeline").hidden = true;
  hideFilm();
  $("headline").textContent = state.read ? `${state.read.name}: a ${state.read.kind}` : "";
};
const tell = text => { $("state").textContent = text || "\u00a0"; };

// ---- Controls.
const controls = read => {
  $("name").textContent = read.name;
  document.title = `herdsim: ${read.name}`;
  const herd = !!read.controls;
  for (const id of ["world", "own", "deeds"]) $(id).hidden = !herd;
  $("compare").disabled = !herd;
  if (!herd) return;
  const names = $("policy");
  if ([...names.options].map(o => o.value).join("\n") !== read.policies.join("\n")) {
    names.replaceChildren(...read.policies.map(name => new Option(name, name)));
  }
  names.value = read.policy;
  for (const control of read.controls) {
    const home = $(control.of_policy ? "sliders" : control.id === "load" || control.id === "blip" ? "world" : "deeds");
    let box = $("c-" + control.id);
    if (!box) {
      box = slider(control);
      home.append(box);
    }
    const input = box.querySelector("input"), output = box.querySelector("output");
    input.disabled = control.fixed !== null;
    // One that is on its way stays as it began.
    const moving = wanted?.moves.some(move => move.control === control.id);
    const { base } = state;
    const own = base?.control === control.id && base.now === state.text && box.stops?.includes(base.to);
    if (own || moving) {
      if (!moving) input.value = box.stops.indexOf(base.to);
      continue;
    }
    box.stops = control.stops;
    input.max = Math.max(control.stops.length - 1, 0);
    input.value = control.at;
    const stop = control.stops[input.value] ?? "";
    output.textContent = control.fixed === null ? stop : "";
    input.setAttribute("aria-valuetext", control.fixed ?? stop);
    box.querySelector(".why").textContent = control.fixed ?? "";
  }
};
const slider = control => {
  const id = "s-" + control.id;
  const input = make("input", { type: "range", id, min: 0, step: 1 });
  const box = make("div", { className: "slider", id: "c-" + control.id },
    make("div", {}, make("label", { htmlFor: id, textContent: control.label }), make("output", { htmlFor: id })),
    input, make("div", { className: "why" }));
  input.addEventListener("input", () => {
    const to = box.stops[input.value];
    box.querySelector("output").textContent = to;
    input.setAttribute("aria-valuetext", to);
    change({ move: { control: control.id, to } });
  });
  return box;
};

// ---- Results.
// How many times smaller, in words.
const PARTS = { 2: "half", 5: "a fifth", 10: "one tenth" };
const show = (told, took) => {
  state.shown = told;
  state.from = state.read?.name;
  $("headline").textContent = told.headline;
  $("verdict").textContent = told.verdict;
  const small = told.smaller > 1;
  const part = PARTS[told.smaller];
  const runs = n => `${number(n)} run${n === 1 ? "" : "s"}`;
  if (told.kind !== "herd") tell("");
  else if (small) tell(`Moving: ${part} of the size, one run; counts are of that. The whole follows when you stop.`);
  else if (told.replications < told.asked) tell(`Whole size, ${number(told.replications)} of ${runs(told.asked)}${told.replications < MOST_RUNS ? " so far" : ": more are for the command"}.`);
  else if (told.most > MOST_RUNS) tell(`Whole size, ${runs(told.replications)}; the precision asked for is for the command.`);
  else tell(`Whole size, ${runs(told.replications)}: the numbers of the command.`);
  const cautions = told.replications < told.asked || small ? [] : told.cautions;
  if (state.read?.asserts) cautions.push("Its [assert] is judged by the command alone.");
  $("cautions").replaceChildren(...cautions.map(text => make("p", { className: "caution", textContent: text })));
  $("setting").textContent = told.setting + (small ? `. Drawn as the whole would be: times ${told.smaller}.` : "");
  $("speed-told").textContent = `Last run: ${Math.round(took)} ms.`;
  $("meanings").textContent = small ? `Counts and rates of ${part} of the size.` : told.meanings ?? "";
  document.body.dataset.runs = Number(document.body.dataset.runs ?? 0) + 1;
  document.body.dataset.took = took;
  delete document.body.dataset.rests;
  told.kind === "herd" ? board(told) : table(told.table);
  $("timeline").hidden = told.kind !== "herd";
  if (told.kind === "herd") draw();
  else hideFilm();
};
const hideFilm = () => {
  stop();
  $("film").hidden = true;
};
const cell = (tag, text, fields = {}) => make(tag, { textContent: text, ...fields });
const table = ({ headers, rows }) => {
  const head = make("tr", {}, ...headers.map(text => cell("th", text, { scope: "col" })));
  const body = rows.map(row => make("tr", {}, ...row.map((text, i) => cell(i ? "td" : "th", text, i ? {} : { scope: "row" }))));
  fill(head, body);
};
const fill = (head, body) => $("board").replaceChildren(make("thead", {}, head), make("tbody", {}, ...body));
const mark = i => {
  const line = make("i", { className: "mark" });
  line.style.background = colour(i);
  return line;
};
const board = ({ board, policies }) => {
  const head = make("tr", {}, cell("th", "Policy", { scope: "col" }),
    ...board.map(({ heading }) => make("th", { scope: "col" }, heading[0], make("small", { textContent: heading[1] }))));
  const rows = policies.map((name, i) => {
    const first = cell("th", name, { scope: "row" });
    first.prepend(mark(i));
    return make("tr", {}, first, ...board.map(column => {
      const value = column.values[i];
      const most = Math.max(column.least, ...column.values.flatMap(v => [v.mean ?? 0, v.high ?? 0]));
      const box = make("td", { textContent: value.told });
      if (value.mean === null) return box;
      const x = value => 100 * value / most;
      const whisker = value.low === null ? "" :
        `<path d="M${x(value.low)} 2V10M${x(value.high)} 2V10M${x(value.low)} 6H${x(value.high)}" stroke="${colour(i)}" stroke-width="1.2" vector-effect="non-scaling-stroke" fill="none"/>`;
      box.insertAdjacentHTML("beforeend",
        `<svg viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true"><rect y="3.5" width="${x(value.mean)}" height="5" fill="${colour(i)}" opacity=".75"/>${whisker}</svg>`);
      if (value.low !== null) box.title = `95% interval ${number(value.low)} to ${number(value.high)}`;
      return box;
    }));
  });
  fill(head, rows);
};

// ---- Time series.
const steps = (most, count) => {
  const rough = most / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find(n => n * power >= rough) * power;
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, i) => i * step);
};
const draw = () => {
  const told = state.shown;
  if (told?.kind !== "herd") return;
  panel($("offered"), told, "offered", "Attempts at the service, per second");
  panel($("goodput"), told, "goodput", "Calls answered, per second");
};
const HEIGHT = 190, LEFT = 52, TOP = 46, BOTTOM = 22;
const panel = (home, told, column, title) => {
  const { series, policies } = told;
  const width = Math.max(home.clientWidth, 260), right = width - 8;
  const before = state.before && state.before !== told && state.before.series?.horizon_s === series.horizon_s ? state.before : null;
  const values = series[column].map(line => line.map(x => x === null ? null : x * told.smaller));
  const level = column === "offered" ? series.capacity : series.demand;
  const reference = level === null ? null : level * told.smaller;
  let most = reference ?? 0;
  for (const line of [...values, ...(before ? before.series[column] : [])]) for (const x of line) if (x > most) most = x;
  most = most * 1.05 || 1;
  const x = s => LEFT + (right - LEFT) * s / series.horizon_s;
  const y = v => HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * v / most;
  const parts = [];
  const span = (from, to, fill, text, row) => {
    const end = Math.min(to ?? series.horizon_s, series.horizon_s);
    parts.push(`<rect x="${x(from)}" y="${TOP}" width="${Math.max(x(end) - x(from), 1.5)}" height="${HEIGHT - BOTTOM - TOP}" fill="${fill}" opacity=".16"/>`);
    const late = x(from) > width * .66;
    if (column === "offered") parts.push(`<text x="${late ? x(end) : x(from)}" y="${TOP - 4 - 13 * row}" text-anchor="${late ? "end" : "start"}">${escaped(text)}</text>`);
  };
  series.faults.forEach(f => span(f.from_s, f.to_s, "var(--c7)", f.text, 0));
  series.actions.forEach(a => span(a.from_s, a.to_s, "var(--c2)", a.text, series.faults.length ? 1 : 0));
  for (const v of steps(most, 3)) parts.push(`<path d="M${LEFT} ${y(v)}H${right}" stroke="var(--grid)"/><text x="${LEFT - 6}" y="${y(v) + 4}" text-anchor="end">${number(v)}</text>`);
  for (const s of steps(series.horizon_s, Math.min(8, width / 70))) parts.push(`<text x="${x(s)}" y="${HEIGHT - 6}" text-anchor="middle">${number(s)}${s === 0 ? "" : " s"}</text>`);
  if (reference !== null) {
    const name = column === "offered" ? "capacity" : "calls made";
    parts.push(`<path d="M${LEFT} ${y(reference)}H${right}" stroke="var(--axis)" stroke-dasharray="3 4"/><text x="${right}" y="${y(reference) - 4}" text-anchor="end">${name}</text>`);
  }
  const path = (line, bin) => {
    let d = "", pen = "M";
    line.forEach((v, i) => {
      if (v === null) { pen = "M"; return; }
      d += pen + x((i + .5) * bin).toFixed(1) + " " + y(v).toFixed(1);
      pen = "L";
    });
    return d;
  };
  if (before) before.series[column].forEach((line, i) => {
    const own = told.names.indexOf(before.names[i]);
    parts.push(`<path d="${path(line, before.series.bin_s)}" fill="none" stroke="${own < 0 ? "var(--faint)" : colour(own)}" stroke-width="1.1" stroke-dasharray="2 3" opacity=".6"/>`);
  });
  values.forEach((line, i) => parts.push(`<path d="${path(line, series.bin_s)}" fill="none" stroke="${colour(i)}" stroke-width="1.8" stroke-linejoin="round"${i > 7 ? ' stroke-dasharray="6 3"' : ""}/>`));
  const words = column === "offered" ? "" : names(told, before);
  home.innerHTML = `<svg viewBox="0 0 ${width} ${HEIGHT}" height="${HEIGHT}" aria-hidden="true"><text class="title" x="0" y="13">${title}</text>${parts.join("")}<path class="rule" stroke="var(--axis)" d=""/></svg><div class="tip"></div>${words}`;
  home.setAttribute("aria-label", `${title}. ${told.headline}. Arrow keys read values.`);
  home.told = { series, policies, values, x, width };
};
const names = (told, before) => {
  const each = told.policies.map((name, i) => `<span><i class="mark" style="background:${colour(i)}"></i>${escaped(name)}</span>`);
  if (before) each.push(`<span class="soft">┄ before you moved it</span>`);
  return `<p class="small names">${each.join("")}</p>`;
};
for (const home of [$("offered"), $("goodput")]) {
  const at = bin => {
    const { series, policies, values, x, width } = home.told;
    home.bin = Math.min(Math.max(bin, 0), values[0].length - 1);
    const s = (home.bin + .5) * series.bin_s;
    home.querySelector(".rule").setAttribute("d", `M${x(s)} ${TOP}V${HEIGHT - BOTTOM}`);
    const tip = home.querySelector(".tip");
    const lines = policies.map((name, i) => [i, `${name}  ${values[i][home.bin] === null || values[i][home.bin] === undefined ? "–" : number(values[i][home.bin])}`]);
    tip.replaceChildren(make("div", { textContent: `${number(s)} s` }), ...lines.map(([i, text]) => make("div", {}, mark(i), text)));
    tip.style.display = "block";
    tip.style.left = Math.max(0, x(s) > width * .5 ? x(s) - tip.offsetWidth - 12 : x(s) + 12) + "px";
    return tip.textContent;
  };
  const hide = () => {
    if (!home.told) return;
    home.querySelector(".tip").style.display = "none";
    home.querySelector(".rule").setAttribute("d", "");
  };
  home.addEventListener("pointermove", event => {
    if (!home.told) return;
    const { series, width } = home.told;
    const box = home.querySelector("svg").getBoundingClientRect();
    const s = ((event.clientX - box.left) * width / box.width - LEFT) / (width - 8 - LEFT) * series.horizon_s;
    s < 0 || s > series.horizon_s ? hide() : at(Math.floor(s / series.bin_s));
  });
  home.addEventListener("pointerleave", hide);
  home.addEventListener("blur", hide);
  home.addEventListener("keydown", event => {
    const by = { ArrowRight: 1, ArrowLeft: -1, PageDown: 20, PageUp: -20 }[event.key];
    if (!by || !home.told) return;
    event.preventDefault();
    $("live").textContent = at((home.bin ?? 0) + by);
  });
}

// ---- The film.
// On the way, backing off, waiting, waiting in vain, served, served in vain.
const TONES = ["--c4", "--c4", "--c1", "--c7", "--c2", "--c7"];
const film = async () => {
  if (state.shown?.kind !== "herd" || !state.policy) return;
  const text = state.text;
  const answered = await asked([{ ask: "film", policy: state.policy }], text);
  if (!answered || text !== state.text) return;
  const [told] = answered.answers;
  $("film").hidden = !!(told.problem || told.elsewhere);
  if ($("film").hidden) return;
  stop();
  for (const element of [$("screen"), $("legend"), $("counts"), $("play").parentElement]) element.hidden = !!told.none;
  if (told.none) {
    $("film-says").textContent = told.none + ".";
    state.film = null;
    return;
  }
  const same = state.film?.frames.length === told.frames.length && state.film.name === state.read.name;
  told.name = state.read.name;
  told.layouts = [];
  state.film = told;
  const part = told.smaller > 1 ? `, at ${PARTS[told.smaller]} of the size` : "";
  $("film-says").textContent = `A run with ${told.policy}, event by event${part}: each dot on the left is one of ${number(told.callers)} callers, who may have several calls at once.${told.services > 1 ? " Queue and servers are those of the first service." : ""}`;
  $("time").max = told.frames.length - 1;
  // As it is just after the first fault has begun.
  const fault = state.shown.series.faults[0];
  if (!same) $("time").value = Math.min(Math.round(((fault?.from_s ?? 0) + 4) / told.step_s), told.frames.length - 1);
  paint(Number($("time").value));
};
// Where everybody stands in a frame: by whose and which of theirs it is.
const layout = (told, i, room) => {
  const own = told.layouts[i];
  if (own && own.room === room.key) return own;
  const at = new Map(), states = new Uint8Array(told.callers).fill(255), nth = new Map();
  let waiting = 0, served = 0;
  const rank = [1, 0, 4, 2, 5, 3];
  for (const character of told.frames[i].dots) {
    const code = character.charCodeAt(0) - 256;
    const caller = Math.floor(code / 6), place = code % 6;
    if (states[caller] === 255 || rank[place] > rank[states[caller]]) states[caller] = place;
    if (place < 2) continue;
    const count = nth.get(caller) ?? 0;
    nth.set(caller, count + 1);
    const spot = place < 4 ? room.queue(waiting++) : room.server(served++);
    at.set(caller * 64 + Math.min(count, 63), { ...spot, place, caller });
  }
  return (told.layouts[i] = { at, states, waiting, served, room: room.key });
};
const rooms = told => {
  const canvas = $("screen");
  const width = canvas.clientWidth, height = canvas.clientHeight;
  const narrow = width < 620;
  const grid = (left, top, wide, high, count) => {
    let size = Math.min(14, Math.sqrt(wide * high / Math.max(count, 1)));
    while (size > 1 && Math.floor(wide / size) * Math.floor(high / size) < count) size -= .1;
    const columns = Math.max(1, Math.floor(wide / size));
    return { left, top, wide, high, size, at: n => ({ x: left + (n % columns + .5) * size, y: top + (Math.floor(n / columns) + .5) * size }) };
  };
  // Some may have come meanwhile.
  told.desks ??= Math.max(told.servers ?? 0, ...told.frames.map(f => f.served + f.served_in_vain));
  const servers = told.desks;
  // No larger than it gets, or nobody would see who is in it.
  told.longest ??= Math.max(1, ...told.frames.map(f => f.waiting + f.waiting_in_vain));
  const places = Math.min(Math.max(told.longest, 20), 3000);
  const third = (width - 40) / 3;
  const boxes = narrow ? [
    grid(0, 22, width, height * .4 - 24, told.callers),
    grid(0, height * .4 + 22, width, height * .4 - 24, places),
    grid(0, height * .8 + 22, width, height * .2 - 24, Math.max(servers, 1)),
  ] : [
    grid(0, 22, third * 1.15, height - 26, told.callers),
    grid(third * 1.15 + 20, 22, third * 1.25, height - 26, places),
    grid(third * 2.4 + 40, 22, third * .6, height - 26, Math.max(servers, 1)),
  ];
  return { key: `${width}x${height}`, width, height, boxes, places,
    caller: boxes[0].at,
    queue: n => boxes[1].at(Math.min(n, places - 1)),
    server: n => boxes[2].at(n) };
};
const paint = (frame, part = 0) => {
  const told = state.film;
  if (!told) return;
  const canvas = $("screen"), room = rooms(told), scale = devicePixelRatio || 1;
  if (canvas.width !== Math.round(room.width * scale) || canvas.height !== Math.round(room.height * scale)) {
    canvas.width = Math.round(room.width * scale);
    canvas.height = Math.round(room.height * scale);
  }
  const g = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
  const tone = name => style.getPropertyValue(name);
  const tones = TONES.map(tone);
  g.setTransform(scale, 0, 0, scale, 0, 0);
  g.clearRect(0, 0, room.width, room.height);
  g.font = "600 13px system-ui, sans-serif";
  g.fillStyle = tone("--ink");
  const now = layout(told, frame, room);
  const next = part > 0 && frame + 1 < told.frames.length ? layout(told, frame + 1, room) : now;
  const titles = [`Callers`, `Queue ${number(now.waiting)}`, `Servers ${number(now.served)}${told.servers ? ` of ${number(told.desks)}` : ""}`];
  room.boxes.forEach((box, i) => g.fillText(titles[i], box.left, box.top - 8));
  const dot = (x, y, radius, fill, hollow) => {
    g.beginPath();
    g.arc(x, y, radius, 0, 7);
    if (hollow) {
      g.lineWidth = 1.3;
      g.strokeStyle = fill;
      g.stroke();
    } else {
      g.fillStyle = fill;
      g.fill();
    }
  };
  const faint = tone("--axis");
  const [home, , desk] = room.boxes;
  for (let n = 0; n < (told.servers ? told.desks : 0) && n < 5000; n++) {
    const { x, y } = desk.at(n);
    g.globalAlpha = .6;
    dot(x, y, desk.size * .42, faint, true);
    g.globalAlpha = 1;
  }
  for (let caller = 0; caller < told.callers; caller++) {
    const { x, y } = home.at(caller), place = now.states[caller];
    g.globalAlpha = place === 255 ? .45 : 1;
    dot(x, y, home.size * .34, place === 255 ? faint : tones[place]);
    g.globalAlpha = 1;
  }
  const radius = { 2: room.boxes[1].size * .36, 4: desk.size * .36 };
  const move = (from, to, place, alpha = 1) => {
    g.globalAlpha = alpha;
    dot(from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part, radius[place < 4 ? 2 : 4], tones[place], place === 3 || place === 5);
    g.globalAlpha = 1;
  };
  for (const [key, spot] of now.at) {
    const then = next.at.get(key);
    if (then) move(spot, then, spot.place);
    // Out again: to who asked, or to nobody.
    else move(spot, spot.place % 2 ? spot : home.at(spot.caller), spot.place, 1 - part);
  }
  if (next !== now) for (const [key, spot] of next.at) if (!now.at.has(key)) move(home.at(spot.caller), spot, spot.place, part);
  const f = told.frames[frame];
  const counts = [["t", `${number(f.t)} s`], ["waiting", f.waiting], ["waiting in vain", f.waiting_in_vain], ["served", f.served], ["served in vain", f.served_in_vain], ["calls backing off", f.backing_off]];
  $("counts").textContent = counts.map(([name, value]) => name === "t" ? value : `${name} ${number(value)}`).join(" · ");
  $("time").setAttribute("aria-valuetext", $("counts").textContent);
};
let playing = null;
const stop = () => {
  cancelAnimationFrame(playing);
  playing = null;
  $("play").textContent = "Play";
};
const play = () => {
  const told = state.film;
  if (!told) return;
  if (Number($("time").value) >= told.frames.length - 1) $("time").value = 0;
  let at = Number($("time").value), last = null;
  $("play").textContent = "Pause";
  const tick = now => {
    // In seconds of the run a second.
    if (last !== null) at += (now - last) / 1000 * Number($("speed").value) / told.step_s;
    last = now;
    if (at >= told.frames.length - 1) {
      $("time").value = told.frames.length - 1;
      paint(told.frames.length - 1);
      return stop();
    }
    const frame = Math.floor(at);
    $("time").value = frame;
    paint(frame, at - frame);
    playing = requestAnimationFrame(tick);
  };
  playing = requestAnimationFrame(tick);
};
$("play").addEventListener("click", () => playing === null ? play() : stop());
$("time").addEventListener("input", () => { stop(); paint(Number($("time").value)); });
const motion = () => {
  // Who prefers it so moves the film by hand.
  if (still.matches) stop();
  $("play").hidden = still.matches;
  $("speed").parentElement.hidden = still.matches;
};
still.addEventListener("change", motion);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paint(Number($("time").value)));
$("legend").replaceChildren(...[["--axis", "thinking"], ["--c4", "backing off, or on the way"], ["--c1", "waiting"], ["--c2", "served"], ["--c7", "waiting or served in vain: nobody wants the answer"]].map(([tone, text], i) => {
  const mark = make("i");
  mark.style[i === 4 ? "border" : "background"] = i === 4 ? `2px solid var(${tone})` : `var(${tone})`;
  return make("li", {}, mark, text);
}));

// ---- Out of here: a link, a file, a command.
const here = async () => {
  const own = state.policy ? `&p=${encodeURIComponent(state.policy)}` : "";
  return `${location.href.split("#")[0]}#s=${await encoded(state.text)}${own}`;
};
let linked = "";
const link = async told => {
  linked = await here();
  history.replaceState(null, "", "#" + linked.split("#")[1]);
  if (told) await copy(linked, location.protocol === "file:" ? "The link holds the whole scenario, for who has this file." : "The link holds the whole scenario.");
};
const command = (how, text = state.text) => {
  let end = "END";
  while (text.split("\n").includes(end)) end += "D";
  return `cat > scenario.toml <<'${end}'\n${text.replace(/\n*$/, "")}\n${end}\n${how}`;
};
const copy = async (text, told) => {
  try {
    await navigator.clipboard.writeText(text);
    $("done").textContent = "Copied. " + told;
  } catch {
    // No clipboard here: for instance a page from disk in some browsers.
    const box = make("textarea", { value: text, rows: 4, readOnly: true });
    box.setAttribute("aria-label", "To be copied");
    $("done").replaceChildren("Copy it from here: ", box);
    box.select();
  }
};
$("link").addEventListener("click", () => link(true));
$("command").addEventListener("click", () => {
  copy(command("herdsim run scenario.toml"), "Paste it in a shell.");
});
$("file").addEventListener("click", () => {
  const name = `${state.read?.name ?? "scenario"}.toml`;
  const url = URL.createObjectURL(new Blob([state.text], { type: "application/toml" }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  $("done").textContent = `Saved as ${name}: herdsim run ${name}`;
});

// ---- In: presets, the text, a link.
$("text").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    typing = 0;
    if ($("text").value.length > 1e6) return notice("A text of more than a megabyte is for the command.");
    change({ text: $("text").value });
  }, 200);
});
$("policy").addEventListener("change", () => choose($("policy").value));
$("compare").addEventListener("change", () => {
  const to = $("compare").value;
  $("compare").value = "";
  if (to) change({ move: { control: "compare", to } });
});
const load = async () => {
  // Some send a link with its signs encoded.
  const hash = location.hash.replace(/%3D/gi, "=").replace(/%26/g, "&");
  const found = /(?:^#|&)s=([^&]*)/.exec(hash);
  const own = JSON.parse($("scenario").textContent);
  const first = own ?? state.presets.scenarios[0].text;
  if (hash.length > 1 && !found) state.cut = "This address holds no scenario; this is the one that the page begins with.";
  if (!found) return change({ text: first, fresh: true });
  let policy = null;
  try {
    policy = decodeURIComponent(/&p=([^&]*)/.exec(hash)?.[1] ?? "") || null;
  } catch { /* The first one will do. */ }
  try {
    change({ text: await decoded(found[1]), policy, fresh: true });
  } catch {
    state.cut = "The link was cut short or changed: its scenario is lost. This is the one that the page begins with.";
    change({ text: first, fresh: true });
  }
};
addEventListener("hashchange", () => {
  if (location.href !== linked && /[#&]s(=|%3D)/i.test(location.hash)) load();
});
addEventListener("beforeprint", () => { $("text").rows = $("text").value.split("\n").length + 1; });
let width = 0;
new ResizeObserver(() => {
  if ($("results").clientWidth === width) return;
  width = $("results").clientWidth;
  draw();
  paint(Number($("time").value));
}).observe($("results"));
const start = async () => {
  motion();
  const packed = bytesOf($("engine").textContent.trim());
  module = await WebAssembly.compile(await through(packed, new DecompressionStream("gzip")));
  quick = engine();
  const presets = await quick.ask([{ ask: "presets" }]);
  state.presets = presets.answers[0];
  const list = state.presets.scenarios.map(({ name }, i) => new Option(name, String(i)));
  if (JSON.parse($("scenario").textContent) !== null) list.unshift(new Option("the scenario given", "own"));
  $("preset").replaceChildren(...list);
  const says = () => { $("says").textContent = state.presets.scenarios[$("preset").value]?.says ?? ""; };
  says();
  $("preset").addEventListener("change", () => {
    says();
    const chosen = state.presets.scenarios[$("preset").value];
    change({ text: chosen?.text ?? JSON.parse($("scenario").textContent), fresh: true });
  });
  $("compare").replaceChildren(new Option("a policy …", ""), ...state.presets.policies.map(name => new Option(name, name)));
  await load();
};
start().catch(error => notice(`This browser cannot run the engine: ${error.message}. It needs WebAssembly and DecompressionStream (Chrome 80, Firefox 113, Safari 16.4 or newer).`));
