// SPDX-License-Identifier: Apache-2.0
//
// Bundles test/*.test.ts (Node 18 reads no TypeScript) and runs them with node --test.

import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '../node_modules/.cache/tests');
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const names = readdirSync(here).filter(f => f.endsWith('.test.ts'));
await build({
  entryPoints: names.map(f => join(here, f)), outdir: out, outExtension: { '.js': '.mjs' },
  bundle: true, platform: 'node', format: 'esm', target: 'node18', jsx: 'automatic', jsxImportSource: 'preact',
  define: { WEB_DIR: JSON.stringify(join(here, '..')) }, logLevel: 'warning',
});
const run = spawnSync(process.execPath, ['--test', ...names.map(f => join(out, f.replace('.ts', '.mjs')))], { stdio: 'inherit', timeout: 60_000 });
process.exit(run.status ?? 1);
