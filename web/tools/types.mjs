// SPDX-License-Identifier: Apache-2.0
//
// types: src/api/api.d.ts from docs/api/openapi.yaml: one type a schema, one entry a route.
//
//   openapi.yaml --tools/yaml2json.awk--> JSON --> api.d.ts      --check: fails if the file is not that

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const out = join(root, 'web/src/api/api.d.ts');
const PREFIX = '/api/v1';
const SIMPLE = { integer: 'number', number: 'number', string: 'string', boolean: 'boolean', null: 'null' };

const last = ref => ref.split('/').pop();
const name = text => (/^[A-Za-z_$][\w$]*$/.test(text) ? text : `'${text}'`);
const indent = text => text.replace(/\n/g, '\n  ');

function object(s) {
  const own = Object.entries(s.properties ?? {}).map(([k, v]) =>
    `\n  ${name(k)}${s.required?.includes(k) ? '' : '?'}: ${indent(type(v))};`);
  if (own.length) return `{${own.join('')}\n}`;
  return `Record<string, ${s.additionalProperties ? type(s.additionalProperties) : 'unknown'}>`;
}

function array(s) {
  const item = type(s.items);
  if (s.minItems && s.minItems === s.maxItems && s.maxItems <= 4) return `[${Array(s.maxItems).fill(item).join(', ')}]`;
  return /[|&{]/.test(item) ? `(${item})[]` : `${item}[]`;
}

function type(s) {
  if (s.$ref) return last(s.$ref);
  if (s.enum) return s.enum.map(v => (v === null ? 'null' : `'${v}'`)).join(' | ');
  if (s.oneOf) return s.oneOf.map(type).join(' | ');
  if (s.allOf) return s.allOf.map(type).join(' & ');
  if (Array.isArray(s.type)) return s.type.map(one => type({ ...s, type: one })).join(' | ');
  if (s.type === 'object') return object(s);
  if (s.type === 'array') return array(s);
  return SIMPLE[s.type] ?? 'unknown';
}

const found = (doc, part) => (part?.$ref ? part.$ref.slice(2).split('/').reduce((o, k) => o[k], doc) : part);

function bodyOf(doc, part) {
  const schema = found(doc, part)?.content?.['application/json']?.schema;
  return schema ? type(schema) : null;
}

function route(doc, method, path, op) {
  const parameters = (op.parameters ?? []).map(p => found(doc, p));
  const inPath = parameters.filter(p => p.in === 'path').map(p => `${name(p.name)}: string`);
  const inQuery = parameters.filter(p => p.in === 'query').map(p => `${name(p.name)}?: ${type(p.schema)}`);
  const answers = Object.keys(op.responses).filter(s => /^2/.test(s)).map(s => bodyOf(doc, op.responses[s]) ?? 'undefined');
  const members = [
    `path: {${inPath.length ? ` ${inPath.join('; ')} ` : ''}}`,
    `query: {${inQuery.length ? ` ${inQuery.join('; ')} ` : ''}}`,
    `body: ${bodyOf(doc, op.requestBody) ?? 'undefined'}`,
    `answer: ${[...new Set(answers)].join(' | ')}`,
  ];
  return `  '${method.toUpperCase()} ${path.slice(PREFIX.length)}': { ${indent(members.join('; '))} };`;
}

export function generate(doc) {
  const types = Object.entries(doc.components.schemas).map(([k, s]) => `export type ${k} = ${type(s)};`);
  const routes = Object.entries(doc.paths).flatMap(([path, ops]) =>
    Object.entries(ops).filter(([m]) => m !== 'parameters').map(([m, op]) => route(doc, m, path, op)));
  return `// Generated from docs/api/openapi.yaml by npm run types; do not edit.\n\n${types.join('\n\n')}\n\n`
    + `export interface Routes {\n${routes.join('\n')}\n}\n`;
}

const yaml = join(root, 'docs/api/openapi.yaml');
const json = execFileSync('awk', ['-f', join(root, 'tools/yaml2json.awk'), yaml], { encoding: 'utf8', maxBuffer: 1 << 26 });
const text = generate(JSON.parse(json));
if (!process.argv.includes('--check')) {
  writeFileSync(out, text);
} else if (readFileSync(out, 'utf8') !== text) {
  console.error('web/src/api/api.d.ts does not fit docs/api/openapi.yaml: run npm run types in web/');
  process.exit(1);
}
