// Opens an exported document with Automerge's own JavaScript and prints its heads and values as JSON:
// {"heads": ["<64 hex>", …], "values": {"<register>": "<text>", …}}, both sorted.
// Usage: node check.mjs FILE.automerge

import { readFile } from "node:fs/promises";
import * as Automerge from "@automerge/automerge";

// A register is a scalar string, which this library wraps so that it is not taken for a text to be merged.
function plain(value) {
  return Automerge.isImmutableString(value) ? value.val : value;
}

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: node check.mjs FILE.automerge");
  process.exit(2);
}
const doc = Automerge.load(await readFile(file));
const values = Object.fromEntries(
  Object.keys(doc).sort().map((key) => [key, plain(doc[key])]),
);
console.log(JSON.stringify({ heads: Automerge.getHeads(doc).sort(), values }));
