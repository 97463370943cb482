// SPDX-License-Identifier: Apache-2.0
//
// Builds web/dist: hashed names, a .gz beside each text file, index.html last.
//
//   src/*.tsx --esbuild--> dist/assets/name-HASH.js --gzip--> .gz --budgets--> index.html
//
// A first load or a chunk above its budget fails the build. `--watch` rebuilds, without the budgets.

import { build, context } from 'esbuild';
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile, copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, 'dist');
const assets = join(dist, 'assets');
const BUDGET_KB = { js: 45, css: 10, chunk: 25 };

const fonts = {
  'inter': '@fontsource-variable/inter/files/inter-latin-wght-normal.woff2',
  'mono': '@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2',
};

const options = {
  entryPoints: { app: join(here, 'src/main.tsx'), style: join(here, 'src/style/style.css') },
  outdir: assets,
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  target: ['es2022', 'chrome123', 'firefox120', 'safari17.5'],
  minify: true,
  metafile: true,
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  loader: { '.woff2': 'file', '.page.css': 'text' },
  alias: Object.fromEntries(
    Object.entries(fonts).map(([name, path]) => [`font:${name}`, join(here, 'node_modules', path)])),
  logLevel: 'warning',
};

const gz = bytes => gzipSync(bytes, { level: 9 });
const kb = n => (n / 1024).toFixed(1);

async function hashed(name, ext, bytes) {
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 8).toUpperCase();
  const file = `${name}-${hash}.${ext}`;
  await writeFile(join(assets, file), bytes);
  return `/assets/${file}`;
}

// What the page must fetch before it can draw: the entry and what it imports statically.
function firstLoad(outputs, entry) {
  const seen = new Set();
  const visit = file => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const i of outputs[file].imports) if (i.kind === 'import-statement') visit(i.path);
  };
  visit(entry);
  return [...seen];
}

async function budgets(outputs, script, style) {
  const size = async files => {
    let sum = 0;
    for (const f of files) sum += gz(await readFile(f)).length;
    return sum;
  };
  const first = firstLoad(outputs, script);
  const rows = [['js', 'first-load JavaScript', await size(first)], ['css', 'style', await size([style])]];
  for (const f of Object.keys(outputs)) {
    if (f.endsWith('.js') && !first.includes(f)) rows.push(['chunk', f.split('/').pop(), await size([f])]);
  }
  for (const [kind, name, bytes] of rows) {
    const limit = BUDGET_KB[kind];
    console.log(`web: ${name} ${kb(bytes)} KB gz (limit ${limit})`);
    if (bytes > limit * 1024) throw new Error(`web: ${name} is ${kb(bytes)} KB gz, above ${limit} KB`);
  }
}

async function finish(result, check) {
  const outputs = result.metafile.outputs;
  // Each page that is imported when asked for is an entry point too.
  const entry = source => Object.keys(outputs).find(f => outputs[f].entryPoint === source);
  const [script, style] = [entry('src/main.tsx'), entry('src/style/style.css')];
  const font = Object.keys(outputs).find(f => /inter-.*\.woff2$/.test(f));
  const theme = await hashed('theme', 'js', await readFile(join(here, 'src/theme.js')));
  const icon = await hashed('favicon', 'svg', await readFile(join(here, 'src/favicon.svg')));
  const url = f => '/assets/' + f.split('/').pop();

  let html = await readFile(join(here, 'src/index.html'), 'utf8');
  const names = { app: url(script), style: url(style), font: url(font), theme, icon };
  html = html.replace(/\{\{(\w+)\}\}/g, (_, name) => names[name]);
  await writeFile(join(dist, 'index.html'), html);
  await copyFile(join(here, 'src/favicon.ico'), join(dist, 'favicon.ico'));

  if (check) await budgets(outputs, script, style);
  for (const dir of [dist, assets]) {
    for (const f of await readdir(dir)) {
      if (!/\.(js|css|html|svg)$/.test(f)) continue;
      await writeFile(join(dir, f + '.gz'), gz(await readFile(join(dir, f))));
    }
  }
}

process.chdir(here);
await mkdir(assets, { recursive: true });
// The folder itself stays: whoever builds may own it without owning the one around it.
for (const f of await readdir(dist)) await rm(join(dist, f), { recursive: true });
await mkdir(assets);
if (process.argv.includes('--watch')) {
  const plugin = { name: 'finish', setup: b => b.onEnd(r => r.metafile && finish(r, false)) };
  const c = await context({ ...options, minify: false, plugins: [plugin] });
  await c.watch();
} else {
  await finish(await build(options), true);
}
