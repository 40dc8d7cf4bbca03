// The pages of the libraries, as their browser gets them.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

/** A file of such a page. */
export interface Asset {
  type: string;
  body: string | Uint8Array;
}

/** The libraries. Each has a program of its name in pages/. */
export const LIBRARIES = ['streaming-markdown', 'streamdown', 'react-markdown'] as const;

export type Library = (typeof LIBRARIES)[number];

const PAGES = join(import.meta.dirname, 'pages');

/** All files, by path. The page of a library is at its name. */
export async function assets(): Promise<Map<string, Asset>> {
  const found = new Map<string, Asset>();
  found.set('/page.css', { type: 'text/css', body: await readFile(join(PAGES, 'page.css')) });
  for (const library of LIBRARIES) {
    found.set(`/${library}`, { type: 'text/html; charset=utf-8', body: page(library) });
    found.set(`/${library}.js`, { type: 'text/javascript', body: await program(library) });
  }
  return found;
}

/** The library's program in one file, made as for production. */
async function program(library: Library): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [join(PAGES, `${library}.ts`)],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2023',
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  const [file] = outputFiles;
  if (file === undefined) {
    throw new Error(`${library} became no program.`);
  }
  return file.contents;
}

/** The same names as in Runnel's page, so that all are measured with the same words. */
function page(library: Library): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>${library}</title>
    <link rel="stylesheet" href="/page.css">
  </head>
  <body>
    <div class="transcript">
      <div class="answer-text"></div>
    </div>
    <script type="module" src="/${library}.js"></script>
  </body>
</html>`;
}
