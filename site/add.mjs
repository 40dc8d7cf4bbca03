// Finishes the site: `node add.mjs FOLDER FILE...`
//
// What cargo-leptos wrote into FOLDER refers to each other by name, in both directions, so that no file can be named by
// its own content: all of it moves to a folder that is named by the content of all. The FILEs that are added are named
// by their own. So browsers keep every file for good.
//
// The added files lie there as compressed as can be, and in these forms alone: every browser takes one of them, and the
// largest is 3.6 MB as it is and 0.7 MB so.
//
// budget.json has a bound for each file, in bytes as it is sent: a change that makes one heavier must say so there.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const [folder, ...files] = process.argv.slice(2);

moveBuild();
files.forEach(add);
judge();

function moveBuild() {
  const isUsed = (name) => !/\.d\.ts(\.br|\.gz)?$/.test(name);
  const names = readdirSync(folder).sort();
  for (const name of names.filter((name) => !isUsed(name))) {
    rmSync(join(folder, name));
  }
  const kept = names.filter(isUsed);
  const hash = createHash('sha256');
  for (const name of kept) {
    hash.update(`${name}\n`).update(readFileSync(join(folder, name)));
  }
  const target = join(folder, nameOf(hash));
  mkdirSync(target);
  for (const name of kept) {
    renameSync(join(folder, name), join(target, name));
  }
}

/** `some/name.min.js` becomes `name.HASH.js`. */
function add(file) {
  const content = readFileSync(file);
  const [name] = basename(file).split('.');
  const target = join(folder, `${name}.${nameOf(createHash('sha256').update(content))}${extname(file)}`);
  writeFileSync(`${target}.br`, brotli(content));
  writeFileSync(`${target}.gz`, gzipSync(content, { level: constants.Z_BEST_COMPRESSION }));
}

/** Prints what each file weighs compressed, and ends the build if one is over its bound, or has none. */
function judge() {
  const budget = JSON.parse(readFileSync(new URL('budget.json', import.meta.url), 'utf8'));
  const sizes = readdirSync(folder, { recursive: true })
    .filter((path) => /\.(css|js|wasm)\.br$/.test(path))
    .map((path) => ({ name: plainName(path), size: statSync(join(folder, path)).size }))
    .sort((one, other) => other.size - one.size);
  for (const { name, size } of sizes) {
    console.log(`${String(size).padStart(8)} of ${String(budget[name] ?? 0).padEnd(7)} ${name}`);
  }
  const over = sizes.filter(({ name, size }) => !(size <= budget[name]));
  if (over.length > 0) {
    console.error(`Over the budget of site/budget.json: ${over.map(({ name }) => name).join(', ')}.`);
    process.exitCode = 1;
  }
}

/** `HASH/chunk_3.wasm.br` becomes `chunk.wasm`, `renderer.HASH.js.br` becomes `renderer.js`. */
function plainName(path) {
  return basename(path, '.br').replace(/\.[\w-]{16,}\./, '.').replace(/^chunk_\d+/, 'chunk');
}

function nameOf(hash) {
  return hash.digest('base64url').slice(0, 22);
}

function brotli(content) {
  return brotliCompressSync(content, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    },
  });
}
