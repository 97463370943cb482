// SPDX-License-Identifier: Apache-2.0
//
// Contrast by WCAG 2.2; distances between states as colour-blind eyes see them
// (matrices of Machado 2009, severity 1, linear RGB; OKLab distance x 100).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

declare const WEB_DIR: string;

type Palette = Record<string, string>;
type Triple = [number, number, number];
const STATES = ['healthy', 'updating', 'risk', 'quar', 'offline', 'unknown'];
const NEAREST = 7;

function palettes(): Record<'light' | 'dark', Palette> {
  const css = readFileSync(WEB_DIR + '/src/style/tokens.css', 'utf8');
  const light: Palette = {};
  const dark: Palette = {};
  for (const [, name, l, d] of css.matchAll(/--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)) {
    light[name!] = l!;
    dark[name!] = d!;
  }
  return { light, dark };
}

const linear = (hex: string) => [1, 3, 5].map(i => {
  const v = parseInt(hex.slice(i, i + 2), 16) / 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
}) as Triple;
const luminance = ([r, g, b]: Triple) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

function contrast(a: string, b: string): number {
  const [x, y] = [luminance(linear(a)), luminance(linear(b))].sort((p, q) => q - p) as [number, number];
  return (x + 0.05) / (y + 0.05);
}

const EYES: Record<string, number[]> = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protan: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deutan: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  tritan: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
};

const seen = (m: number[], c: Triple) =>
  [0, 3, 6].map(i => Math.max(0, Math.min(1, m[i]! * c[0] + m[i + 1]! * c[1] + m[i + 2]! * c[2]))) as Triple;

function oklab([r, g, b]: Triple): Triple {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function nearest(p: Palette, eye: number[]): [number, string] {
  const at = STATES.map(s => oklab(seen(eye, linear(p[s + '-f']!))));
  let best: [number, string] = [Infinity, ''];
  for (let i = 0; i < at.length; i++) {
    for (let j = i + 1; j < at.length; j++) {
      const d = Math.hypot(...at[i]!.map((x, k) => x - at[j]![k]!)) * 100;
      if (d < best[0]) best = [d, `${STATES[i]}/${STATES[j]}`];
    }
  }
  return best;
}

for (const [scheme, p] of Object.entries(palettes())) {
  test(`${scheme}: text of every kind reads at 4.5:1 on every ground it stands on`, () => {
    const pairs: [string, string][] = [
      ...['ink', 'ink-2', 'ink-3', 'accent', ...STATES].map(c => [c, 'surface'] as [string, string]),
      ...['ink', 'ink-2', 'ink-3'].flatMap(c => [[c, 'bg'], [c, 'surface-2']] as [string, string][]),
      ...STATES.filter(s => s !== 'unknown').map(s => [s, s + '-s'] as [string, string]),
      ['unknown', 'offline-s'], ['accent-ink', 'accent'], ['accent', 'accent-soft'],
    ];
    for (const [text, ground] of pairs) {
      const c = contrast(p[text]!, p[ground]!);
      assert.ok(c >= 4.5, `${text} on ${ground} is ${c.toFixed(2)}`);
    }
  });

  test(`${scheme}: fills of states and edges of fields stand out at 3:1`, () => {
    for (const fill of [...STATES.map(s => s + '-f'), 'field', 'focus']) {
      const c = contrast(p[fill]!, p.surface!);
      assert.ok(c >= 3, `${fill} on surface is ${c.toFixed(2)}`);
    }
  });

  for (const [eye, matrix] of Object.entries(EYES)) {
    test(`${scheme}: ${eye} eyes tell the states apart`, () => {
      const [distance, pair] = nearest(p, matrix);
      assert.ok(distance >= NEAREST, `${pair} are only ${distance.toFixed(1)} apart`);
    });
  }
}
