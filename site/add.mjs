// Adds files to the site: `node add.mjs FOLDER FILE...`
//
// As cargo-leptos does with its own, names them by their content, so that browsers keep them for good, and puts
// them there as compressed as can be. They lie there in these forms alone: every browser takes one of them, and
// the largest is 3.6 MB as it is and 0.7 MB so.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const [folder, ...files] = process.argv.slice(2);

for (const file of files) {
  const content = readFileSync(file);
  const target = join(folder, nameByContent(file, content));
  writeFileSync(`${target}.br`, brotli(content));
  writeFileSync(`${target}.gz`, gzipSync(content, { level: constants.Z_BEST_COMPRESSION }));
}

/** `some/name.min.js` becomes `name.HASH.js`. */
function nameByContent(file, content) {
  const hash = createHash('sha256').update(content).digest('base64url').slice(0, 22);
  const [name] = basename(file).split('.');
  return `${name}.${hash}${extname(file)}`;
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
