// Drives a headless Chromium by its debugging protocol: no package but Node's own.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/// A browser with one page, off line.
export const browser = async program => {
  const profile = mkdtempSync(join(tmpdir(), "page-"));
  const child = spawn(program, [
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe",
    `--user-data-dir=${profile}`, "about:blank",
  ], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const [, , , commands, events] = child.stdio;
  const waiting = new Map(), heard = [];
  let id = 0, session, part = "";
  // Messages end with a byte 0.
  events.setEncoding("utf8").on("data", data => {
    const messages = (part + data).split("\0");
    part = messages.pop();
    for (const message of messages.map(text => JSON.parse(text))) {
      if (!message.id) {
        heard.push(message);
        continue;
      }
      const [resolve, reject] = waiting.get(message.id);
      waiting.delete(message.id);
      message.error ? reject(new Error(JSON.stringify(message.error))) : resolve(message.result);
    }
  });
  child.on("exit", () => waiting.forEach(([, reject]) => reject(new Error("the browser ended"))));
  const send = (method, params = {}) => new Promise((resolve, reject) => {
    waiting.set(++id, [resolve, reject]);
    commands.write(JSON.stringify({ id, method, params, sessionId: session }) + "\0");
  });
  const { targetInfos } = await send("Target.getTargets");
  const { targetId } = targetInfos.find(target => target.type === "page");
  ({ sessionId: session } = await send("Target.attachToTarget", { targetId, flatten: true }));
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(`${domain}.enable`);
  await send("Network.emulateNetworkConditions", { offline: true, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
  const run = async expression => {
    const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  const until = async (expression, what, ms = 60_000) => {
    const end = Date.now() + ms;
    while (Date.now() < end) {
      if (await run(`Boolean(document.body && (${expression}))`)) return;
      await new Promise(resolve => setTimeout(resolve, 25));
    }
    throw new Error(`waited in vain: ${what ?? expression}`);
  };
  return {
    send, run, until,
    open: async url => {
      await send("Page.navigate", { url: "about:blank" });
      await send("Page.navigate", { url });
    },
    resize: (width, height, features = {}) => Promise.all([
      send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 600 }),
      send("Emulation.setEmulatedMedia", { media: features.media ?? "", features: Object.entries(features).filter(([name]) => name !== "media").map(([name, value]) => ({ name, value })) }),
    ]),
    picture: async path => {
      const { cssContentSize } = await send("Page.getLayoutMetrics");
      const { data } = await send("Page.captureScreenshot", { captureBeyondViewport: true, clip: { x: 0, y: 0, width: cssContentSize.width, height: cssContentSize.height, scale: 1 } });
      const { writeFileSync } = await import("node:fs");
      writeFileSync(path, Buffer.from(data, "base64"));
    },
    // What asked the network for something, and what went wrong.
    requests: () => heard.filter(m => m.method === "Network.requestWillBeSent").map(m => m.params.request.url).filter(url => !/^(file|data|blob|about):/.test(url)),
    errors: () => [
      ...heard.filter(m => m.method === "Runtime.exceptionThrown").map(m => m.params.exceptionDetails.exception?.description ?? m.params.exceptionDetails.text),
      ...heard.filter(m => m.method === "Runtime.consoleAPICalled" && /error|warning/.test(m.params.type)).map(m => JSON.stringify(m.params.args.map(a => a.value))),
      ...heard.filter(m => m.method === "Log.entryAdded" && m.params.entry.level === "error").map(m => m.params.entry.text),
    ],
    close: () => {
      child.kill();
      child.on("exit", () => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }));
    },
  };
};
