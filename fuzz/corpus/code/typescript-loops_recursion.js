// Functions that retry by calling themselves: with await, with then, by setTimeout.
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// The first and three more.
// site: retry attempts=4 backoff=fixed(1s) jitter=none
// rule: HS101 HS102
async function load(url, retries = 3) {
  try {
    const res = await fetch(url, { signal: AbortSignal.timeout(2000) });
    return await res.json();
  } catch (err) {
    if (retries === 0) throw err;
    await sleep(1000);
    return load(url, retries - 1);
  }
}

// site: retry attempts=5 backoff=exponential(base=100ms,multiplier=2) jitter=none
// rule: HS101 HS102
function chained(call, attempt = 1) {
  return call().catch((err) => {
    if (attempt >= 5) throw err;
    return sleep(100 * 2 ** (attempt - 1)).then(() => chained(call, attempt + 1));
  });
}

// site: retry attempts=3 backoff=none
// rule: HS101 HS107
const again = async (call, left = 2) => {
  try {
    return await call();
  } catch (err) {
    if (left > 0) return again(call, left - 1);
    throw err;
  }
};

// ok: walks a tree
function depth(node, level = 0) {
  return Math.max(level, ...node.children.map((c) => depth(c, level + 1)));
}

// ok: the next page
async function allPages(client, cursor = null, found = []) {
  const page = await client.list(cursor);
  const rows = [...found, ...page.rows];
  return page.next ? allPages(client, page.next, rows) : rows;
}

module.exports = { load, chained, again, depth, allPages };
