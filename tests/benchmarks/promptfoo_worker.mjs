// The process of promptfoo in the benchmarks of evaluations, as `evaluation_workers.py` has others.
//
// promptfoo_worker.mjs PACKAGE DATASET ROWS URL    prints the seconds of the call alone

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const CONCURRENCY = 15;
const [directory, dataset, rows, url] = process.argv.slice(2);

// What it has to tell goes to standard error; standard output is for the seconds alone.
const print = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

for (const name of ["TELEMETRY", "UPDATE", "REMOTE_GENERATION"]) {
  process.env[`PROMPTFOO_DISABLE_${name}`] = "1";
}

const entry = createRequire(join(directory, "package.json")).resolve("promptfoo");
const promptfoo = (await import(pathToFileURL(entry))).default;

const provider = {
  id: url,
  config: {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: { input: "{{input}}" },
    transformResponse: "json.output",
  },
};

function testOf(line) {
  const row = JSON.parse(line);
  return { vars: { input: row.input }, assert: [{ type: "equals", value: row.expected }] };
}

async function evaluated(path) {
  const lines = readFileSync(path, "utf-8").trimEnd().split("\n");
  const suite = {
    prompts: ["{{input}}"],
    providers: [provider],
    tests: lines.map(testOf),
    writeLatestResults: true,
  };
  const options = { maxConcurrency: CONCURRENCY, cache: false, showProgressBar: false };
  const found = await promptfoo.evaluate(suite, options);
  const { successes, failures, errors } = (await found.toEvaluateSummary()).stats;
  return [successes, failures, errors].join();
}

await evaluated(join(dataset, "..", "warm-up.jsonl"));
const start = performance.now();
const found = await evaluated(dataset);
const seconds = (performance.now() - start) / 1000;

const wrong = Math.floor(rows / 10);
const wanted = [rows - wrong, wrong, 0].join();
if (found !== wanted) {
  console.error(`passed, failed and broken were ${found}, and not ${wanted}`);
  process.exit(1);
}
print(`${seconds}\n`, () => process.exit(0));
