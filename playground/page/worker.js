"use strict";
// The engine in a thread of its own: questions in, answers out, one after the other.
let engine;
onmessage = ({ data }) => {
  if (data.module) {
    engine = new WebAssembly.Instance(data.module, {}).exports;
    return;
  }
  const ask = question => {
    const bytes = new TextEncoder().encode(JSON.stringify(question));
    const at = engine.input(bytes.length);
    new Uint8Array(engine.memory.buffer, at, bytes.length).set(bytes);
    const length = engine.ask();
    const answer = new Uint8Array(engine.memory.buffer, engine.output(), length);
    return JSON.parse(new TextDecoder().decode(answer));
  };
  const began = performance.now();
  try {
    const answers = [];
    let text = data.text;
    for (const question of data.questions) {
      // What one question changes is what the next is about.
      const answer = ask(text === undefined ? question : { ...question, text });
      answers.push(answer);
      if (answer.problem || answer.elsewhere) break;
      if (answer.text !== undefined) text = answer.text;
    }
    postMessage({ id: data.id, answers, took: performance.now() - began });
  } catch (error) {
    postMessage({ id: data.id, failed: String(error) });
  }
};
