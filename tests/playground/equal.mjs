// Every metric of every replication in WebAssembly is what the command makes of it.
//
//     node equal.mjs ENGINE.wasm HERDSIM

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { engine } from "./engine.mjs";

const [, , wasm, herdsim] = process.argv;
const SCENARIOS = [
  "blip", "brownout", "short-queue", "newest-first", "way-out", "bad-host", "rate-limited",
  "chain", "page", "cold-start", "workers", "aws-backoff", "brooker-retries", "brooker-collapse",
];
const RUNS = 3;
const ask = await engine(wasm);
const work = mkdtempSync(join(tmpdir(), "equal-"));
const csv = path => {
  const [head, ...rows] = readFileSync(path, "utf8").trim().split("\n");
  // Names of policies may hold commas: the numbers are counted from the end.
  const columns = head.split(",").length;
  return [head.split(",").slice(2), rows.map(row => row.split(",").slice(2 - columns))];
};
let values = 0, last = 0;
try {
  for (const name of SCENARIOS) {
    const file = `configs/${name}.toml`;
    execFileSync(herdsim, ["run", file, "--replications", String(RUNS), "--quiet", "--no-charts", "--out", work, "--name", name], { stdio: ["ignore", "ignore", "inherit"] });
    const [metrics, rows] = csv(join(work, name, "replications.csv"));
    const told = ask({ ask: "run", text: readFileSync(file, "utf8"), replications: RUNS, raw: true });
    if (!told.raw) throw new Error(`${name}: ${JSON.stringify(told).slice(0, 300)}`);
    if (told.raw.metrics.join() !== metrics.join()) throw new Error(`${name}: other metrics`);
    const flat = told.raw.policies.flat();
    if (flat.length !== rows.length) throw new Error(`${name}: ${flat.length} of ${rows.length} rows`);
    flat.forEach((sample, i) => sample.forEach((value, j) => {
      const native = rows[i][j] === "" ? null : Number(rows[i][j]);
      values += 1;
      // Infinite is no number in JSON.
      if (native === value || (value === null && !Number.isFinite(native))) return;
      // Numbers that are worked out by a logarithm may differ in their last digit between
      // two mathematical libraries; counts may not.
      if (!Number.isInteger(native) && Math.abs(native - value) <= 1e-12 * Math.abs(native)) {
        last += 1;
        return;
      }
      throw new Error(`${name}, ${metrics[j]}, row ${i}: ${value}, natively ${native}`);
    }));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(`playground: ${SCENARIOS.length} scenarios, ${values} values as the command has them${last ? `, ${last} but for their last digit` : ""}`);
