// SPDX-License-Identifier: Apache-2.0
//
// orbit: draws the orbit map. Canvas 2D and one ImageData; only what changed is painted again.
//
//   dots and glyphs: ImageData --patch around a changed dot--> canvas below
//   names, numbers, selection, centre: vectors --> canvas above, when one of them changed
//
// Measured with 100,000 dots: all of them 3 ms, seventeen changed ones a frame 0.1 ms. A device that
// needs a hand is drawn larger and by its shape: triangle, square.

import { KINDS, STATE_NAMES, type FleetMap } from '../core/fleet-map';
import { angleAt, planOrbit, type Plan } from '../core/orbit-plan';

const CELL = 16;
const FEW = 2000; // dots that an orbit is drawn around one by one
const PATCH_MOST = 400; // more changed dots than this: everything at once
const CLASSES = ['unknown', 'healthy', 'updating', 'risk', 'quar', 'offline'];
const AT_RISK = STATE_NAMES.indexOf('atRisk');
const QUARANTINED = STATE_NAMES.indexOf('quarantined');

export interface Mark {
  n: number;
  x: number;
  y: number;
}

export interface Scene {
  names: string[];
  chosen: { ring: number; first: number; last: number } | null; // dots of the chosen site
  hover: number; // a dot, or -1
  marks: { n: number; dots: number[] }[];
  centre: { big: string; small: string; shares: number[] }; // shares by state number
}

interface Colours {
  state: string[];
  packed: Uint32Array;
  ink: string;
  ink2: string;
  ink3: string;
  line: string;
  line2: string;
  surface: string;
  accent: string;
  font: string;
}

interface Sprite {
  size: number;
  pixels: Uint32Array;
}

const rgb = (css: string) => (css.match(/[\d.]+/g) ?? ['0', '0', '0']).slice(0, 3).map(Number) as [number, number, number];
const pack = ([r, g, b]: [number, number, number], alpha: number) => ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;

// Tokens resolve through light-dark(), which only a real property computes.
function readColours(): Colours {
  const probe = document.createElement('i');
  document.body.append(probe);
  const read = (name: string) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const state = CLASSES.map(c => read(c + '-f'));
  const surface = read('surface');
  const dark = rgb(surface)[0] < 128;
  const alpha = (i: number) => (STATE_NAMES[i] === 'healthy' ? (dark ? 168 : 128) : STATE_NAMES[i] === 'unknown' ? 200 : 255);
  const colours = {
    state, surface, packed: new Uint32Array(state.map((c, i) => pack(rgb(c), alpha(i)))),
    ink: read('ink'), ink2: read('ink-2'), ink3: read('ink-3'), line: read('line'), line2: read('line-2'), accent: read('accent'),
    font: getComputedStyle(document.body).fontFamily,
  };
  probe.remove();
  return colours;
}

export class Orbit {
  plan: Plan | null = null;
  marks: Mark[] = [];
  private colours = readColours();
  private image: ImageData | null = null;
  private pixels = new Uint32Array(0);
  private mask = new Int32Array(0);
  private shades: Uint32Array[] = []; // by state: the colour of each pixel of the mask
  private sprites: (Sprite | null)[] = [];
  private cells: Uint32Array = new Uint32Array(0); // dots, sorted by cell
  private cellStart: Uint32Array = new Uint32Array(0);
  private across = 0;
  private reach = 0;
  private readonly below: CanvasRenderingContext2D;
  private readonly above: CanvasRenderingContext2D;
  private dpr = 1;

  constructor(private readonly base: HTMLCanvasElement, private readonly over: HTMLCanvasElement, private readonly map: FleetMap) {
    this.below = base.getContext('2d')!;
    this.above = over.getContext('2d')!;
  }

  recolour(): void {
    this.colours = readColours();
    if (this.plan) this.makeMask();
    this.makeSprites();
    this.map.allChanged = true;
  }

  // css: the side of the square in css pixels.
  resize(css: number, dpr: number): void {
    const { layout } = this.map;
    if (!layout) return;
    this.dpr = dpr;
    const size = Math.round(css * dpr);
    for (const c of [this.base, this.over]) {
      if (c.width !== size) c.width = c.height = size;
    }
    this.plan = planOrbit(layout.rings.map(r => r.dots), size, dpr, css < 420 ? 40 : 52);
    if (this.image?.width !== size) this.image = this.below.createImageData(size, size);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.makeMask();
    this.makeSprites();
    this.makeCells();
    this.map.allChanged = true;
  }

  // A dot of a few pixels is a square; a larger one is round, its edge as transparent as it is covered.
  private makeMask(): void {
    const n = Math.max(1, Math.round(this.plan!.dot));
    const offsets: number[] = [];
    const cover: number[] = [];
    for (let y = 0; y < n; y++) {
      for (let x = 0; x < n; x++) {
        const inside = n < 3 ? 1 : Math.max(0, Math.min(1, n / 2 + 0.5 - Math.hypot(x + 0.5 - n / 2, y + 0.5 - n / 2)));
        if (inside < 0.1) continue;
        offsets.push(y * this.plan!.size + x);
        cover.push(n < 4 ? Math.round(inside) || 0.6 : inside);
      }
    }
    this.mask = Int32Array.from(offsets);
    // Crowded healthy dots are muted; a few of them need not be.
    const full = n > 5 * this.dpr;
    this.shades = [...this.colours.packed].map(c => Uint32Array.from(cover, share => ((Math.round((full ? 255 : c >>> 24) * share) << 24) | (c & 0xffffff)) >>> 0));
  }

  // Shapes of the states that stand out, each with an edge of the ground's colour around it.
  private makeSprites(): void {
    if (!this.plan) return;
    const size = Math.ceil(Math.max(7 * this.dpr, this.plan.dot * 1.7)) + 2;
    this.sprites = STATE_NAMES.map((_, s) => (s === AT_RISK || s === QUARANTINED ? this.sprite(s, size) : null));
    this.reach = size / 2 + 1;
  }

  private sprite(state: number, size: number): Sprite {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = size;
    const c = canvas.getContext('2d')!;
    const m = size / 2 - 1.2 * this.dpr;
    c.translate(size / 2, size / 2);
    c.fillStyle = this.colours.state[state]!;
    c.strokeStyle = this.colours.surface;
    c.lineWidth = 1.4 * this.dpr;
    c.beginPath();
    if (state === AT_RISK) {
      c.moveTo(0, -m);
      c.lineTo(m, m * 0.75);
      c.lineTo(-m, m * 0.75);
      c.closePath();
    } else c.rect(-m * 0.82, -m * 0.82, m * 1.64, m * 1.64);
    c.stroke();
    c.fill();
    return { size, pixels: new Uint32Array(c.getImageData(0, 0, size, size).data.buffer) };
  }

  // A counting sort into squares: what is near a point is found without looking at all dots.
  private makeCells(): void {
    const { x, y, size } = this.plan!;
    this.across = Math.ceil(size / CELL);
    const start = new Uint32Array(this.across * this.across + 1);
    const cell = (i: number) => Math.floor(y[i]! / CELL) * this.across + Math.floor(x[i]! / CELL);
    for (let i = 0; i < x.length; i++) start[cell(i) + 1]!++;
    for (let c = 1; c < start.length; c++) start[c]! += start[c - 1]!;
    const next = start.slice();
    this.cells = new Uint32Array(x.length);
    for (let i = 0; i < x.length; i++) this.cells[next[cell(i)]!++] = i;
    this.cellStart = start;
  }

  private near(cx: number, cy: number, radius: number, each: (dot: number) => void): void {
    const to = (v: number) => Math.max(0, Math.min(this.across - 1, Math.floor(v / CELL)));
    for (let row = to(cy - radius); row <= to(cy + radius); row++) {
      for (let col = to(cx - radius); col <= to(cx + radius); col++) {
        const c = row * this.across + col;
        for (let k = this.cellStart[c]!; k < this.cellStart[c + 1]!; k++) each(this.cells[k]!);
      }
    }
  }

  private put(i: number): void {
    const state = this.map.dotState[i]!;
    if (state >= KINDS) return;
    const { x, y, size, dot } = this.plan!;
    const h = Math.max(1, Math.round(dot)) / 2;
    const at = Math.round(y[i]! - h) * size + Math.round(x[i]! - h);
    const shade = this.shades[state]!;
    for (let k = 0; k < this.mask.length; k++) this.pixels[at + this.mask[k]!] = shade[k]!;
  }

  private glyph(i: number): void {
    const sprite = this.sprites[this.map.dotState[i]!];
    if (!sprite) return;
    const { x, y, size } = this.plan!;
    const left = Math.round(x[i]! - sprite.size / 2);
    const top = Math.round(y[i]! - sprite.size / 2);
    for (let b = 0; b < sprite.size; b++) {
      const row = top + b;
      if (row < 0 || row >= size) continue;
      for (let a = 0; a < sprite.size; a++) {
        const colour = sprite.pixels[b * sprite.size + a]!;
        if (colour >>> 24 > 127 && left + a >= 0 && left + a < size) this.pixels[row * size + left + a] = colour;
      }
    }
  }

  private paintAll(): void {
    this.pixels.fill(0);
    const n = this.plan!.x.length;
    for (let i = 0; i < n; i++) this.put(i);
    for (let i = 0; i < n; i++) this.glyph(i);
    this.below.putImageData(this.image!, 0, 0);
  }

  // The square around a changed dot is emptied and everything that reaches into it painted again;
  // what is painted beyond its edge was there before, in the same colours.
  private patch(dots: Iterable<number>): void {
    const { x, y, size } = this.plan!;
    const r = Math.ceil(this.reach);
    for (const i of dots) {
      const left = Math.max(0, Math.floor(x[i]! - r));
      const top = Math.max(0, Math.floor(y[i]! - r));
      const right = Math.min(size, Math.ceil(x[i]! + r));
      const bottom = Math.min(size, Math.ceil(y[i]! + r));
      for (let row = top; row < bottom; row++) this.pixels.fill(0, row * size + left, row * size + right);
      this.near(x[i]!, y[i]!, r + this.plan!.dot, d => this.put(d));
      this.near(x[i]!, y[i]!, 2 * r, d => this.glyph(d));
      this.below.putImageData(this.image!, 0, 0, left - r, top - r, right - left + 2 * r, bottom - top + 2 * r);
    }
  }

  // What changed since the last frame. Returns how many dots were painted.
  draw(): number {
    const { map } = this;
    if (!this.plan || !map.layout) return 0;
    const n = map.allChanged ? map.layout.dots : map.changed.size;
    if (map.allChanged || n > PATCH_MOST) this.paintAll();
    else if (n) this.patch(map.changed);
    map.changed.clear();
    map.allChanged = false;
    return n;
  }

  hit(px: number, py: number): number {
    if (!this.plan) return -1;
    const { x, y, dot } = this.plan;
    const radius = Math.max(10 * this.dpr, dot);
    let best = -1;
    let least = radius * radius;
    this.near(px * this.dpr, py * this.dpr, radius, i => {
      const d = (x[i]! - px * this.dpr) ** 2 + (y[i]! - py * this.dpr) ** 2;
      if (d < least) [least, best] = [d, i];
    });
    return best;
  }

  // Where a dot is, in css pixels.
  pointOf(dot: number): [number, number] {
    return [this.plan!.x[dot]! / this.dpr, this.plan!.y[dot]! / this.dpr];
  }

  // ------------------------------------------------------------ the canvas above

  decorate(scene: Scene): void {
    if (!this.plan) return;
    const c = this.above;
    c.clearRect(0, 0, this.plan.size, this.plan.size);
    this.drawBands(c, scene);
    if (scene.chosen) this.drawChosen(c, scene.chosen);
    if (scene.hover >= 0 && scene.hover < this.plan.x.length) this.drawHover(c, scene.hover);
    this.drawMarks(c, scene.marks);
    this.drawCentre(c, scene.centre);
  }

  // A single track shows its orbit itself: few devices look like what they are called after.
  private drawBands(c: CanvasRenderingContext2D, scene: Scene): void {
    const { middle, bands } = this.plan!;
    c.lineWidth = this.dpr;
    c.textAlign = 'center';
    c.textBaseline = 'middle';
    for (const b of bands) {
      const lone = b.tracks === 1;
      const r = lone ? b.inner + b.thick / 2 : b.inner - 3.2 * this.dpr;
      c.strokeStyle = lone ? this.colours.line2 : this.colours.line;
      c.beginPath();
      c.arc(middle, middle, r, -Math.PI / 2 + b.open, 1.5 * Math.PI - b.open);
      c.stroke();
    }
    if (bands.some(b => b.tracks === 1)) this.uncover(c);
    bands.forEach((b, i) => {
      const chosen = scene.chosen?.ring === i;
      const room = 2 * Math.sin(b.open) * (b.inner + b.thick / 2) - 6 * this.dpr;
      c.font = `${chosen ? 640 : 530} ${11 * this.dpr}px ${this.colours.font}`;
      c.fillStyle = chosen ? this.colours.ink : this.colours.ink2;
      c.fillText(this.fitted(c, scene.names[i] ?? '', room), middle, middle - b.inner - b.thick / 2);
    });
  }

  // An orbit that leads through its devices must not cross them out.
  private uncover(c: CanvasRenderingContext2D): void {
    const { x, y, dot } = this.plan!;
    if (x.length > FEW) return;
    c.globalCompositeOperation = 'destination-out';
    x.forEach((_, i) => {
      c.beginPath();
      c.arc(x[i]!, y[i]!, Math.max(dot, this.sprites[this.map.dotState[i]!]?.size ?? 0) / 2, 0, 7);
      c.fill();
    });
    c.globalCompositeOperation = 'source-over';
  }

  private fitted(c: CanvasRenderingContext2D, text: string, room: number): string {
    if (c.measureText(text).width <= room) return text;
    let n = text.length;
    while (n > 1 && c.measureText(text.slice(0, n) + '…').width > room) n--;
    return text.slice(0, n) + '…';
  }

  private drawChosen(c: CanvasRenderingContext2D, { ring, first, last }: { ring: number; first: number; last: number }): void {
    const { bands, fraction, middle } = this.plan!;
    const b = bands[ring];
    if (!b || last <= first) return;
    const pad = 0.5 / Math.max(1, (last - first) / b.tracks);
    const step = (fraction[last - 1]! - fraction[first]!) * pad + 0.0015;
    const from = angleAt(b, fraction[first]! - step) - Math.PI / 2;
    const to = angleAt(b, fraction[last - 1]! + step) - Math.PI / 2;
    const out = 3 * this.dpr;
    c.beginPath();
    c.arc(middle, middle, b.inner + b.thick + out, from, to);
    c.arc(middle, middle, b.inner - out, to, from, true);
    c.closePath();
    c.strokeStyle = this.colours.surface;
    c.lineWidth = 4.5 * this.dpr;
    c.stroke();
    c.strokeStyle = this.colours.accent;
    c.lineWidth = 2 * this.dpr;
    c.stroke();
  }

  private drawHover(c: CanvasRenderingContext2D, dot: number): void {
    c.beginPath();
    c.arc(this.plan!.x[dot]!, this.plan!.y[dot]!, Math.max(6 * this.dpr, this.plan!.dot), 0, 7);
    c.lineWidth = 3.5 * this.dpr;
    c.strokeStyle = this.colours.surface;
    c.stroke();
    c.lineWidth = 1.6 * this.dpr;
    c.strokeStyle = this.colours.ink;
    c.stroke();
  }

  // A number stands just outside its ring, at the middle of what it names, and clear of the others.
  private drawMarks(c: CanvasRenderingContext2D, marks: Scene['marks']): void {
    const { middle, x, y, bands, size } = this.plan!;
    const radius = 9 * this.dpr;
    this.marks = [];
    for (const { n, dots } of marks) {
      if (!dots.length) continue;
      const half = Math.floor(dots.length / 2);
      const [ring] = this.map.devicesOf(dots[half]!);
      const b = bands[ring]!;
      const angles = dots.map(d => Math.atan2(y[d]! - middle, x[d]! - middle));
      const up = angles.reduce((s, a) => s + Math.sin(a), 0), across = angles.reduce((s, a) => s + Math.cos(a), 0);
      // What is spread all around has no middle: then it stands at one of them.
      let angle = Math.hypot(up, across) < dots.length * 0.7 ? angles[half]! : Math.atan2(up, across);
      const beyond = Math.max(b.thick / 2 + 2 * this.dpr, this.plan!.dot > 8 * this.dpr ? this.plan!.dot + radius * 0.7 : 0);
      const r = Math.min(b.inner + b.thick / 2 + beyond, size / 2 - radius - this.dpr);
      const at = (a: number) => ({ n, x: middle + r * Math.cos(a), y: middle + r * Math.sin(a) });
      for (let k = 0; k < 24 && this.marks.some(m => Math.hypot(m.x - at(angle).x, m.y - at(angle).y) < radius * 2.3); k++) angle += (k % 2 ? 1 : -1) * (k + 1) * 0.06;
      const mark = at(angle);
      this.marks.push(mark);
      c.beginPath();
      c.arc(mark.x, mark.y, radius, 0, 7);
      c.fillStyle = this.colours.surface;
      c.fill();
      c.strokeStyle = this.colours.ink2;
      c.lineWidth = 1.2 * this.dpr;
      c.stroke();
      c.fillStyle = this.colours.ink;
      c.font = `640 ${10.5 * this.dpr}px ${this.colours.font}`;
      c.fillText(String(n), mark.x, mark.y + 0.5 * this.dpr);
    }
  }

  markAt(px: number, py: number): number {
    return this.marks.find(m => Math.hypot(m.x - px * this.dpr, m.y - py * this.dpr) <= 12 * this.dpr)?.n ?? 0;
  }

  private drawCentre(c: CanvasRenderingContext2D, centre: Scene['centre']): void {
    const { middle } = this.plan!;
    const r = middle * 0.19;
    c.lineWidth = this.dpr;
    c.strokeStyle = this.colours.line2;
    c.beginPath();
    c.arc(middle, middle, r, 0, 7);
    c.stroke();
    const total = centre.shares.reduce((a, b) => a + b, 0);
    let at = -Math.PI / 2;
    c.lineWidth = 3.5 * this.dpr;
    for (const s of [1, 2, 0, 5, 3, 4]) {
      const share = total ? centre.shares[s]! / total : 0;
      if (!share) continue;
      const end = at + share * 2 * Math.PI;
      c.strokeStyle = this.colours.state[s]!;
      c.beginPath();
      c.arc(middle, middle, r, at, Math.max(at + 0.03, end - (share < 1 ? 0.025 : 0)));
      c.stroke();
      at = end;
    }
    const scale = Math.min(1, r / (52 * this.dpr));
    c.textAlign = 'center';
    c.fillStyle = this.colours.ink;
    c.font = `620 ${25 * scale * this.dpr}px ${this.colours.font}`;
    const small = r < 38 * this.dpr; // a phone: the number alone
    c.fillText(centre.big, middle, middle - (small ? -1 : 6 * scale) * this.dpr);
    if (small) return;
    c.fillStyle = this.colours.ink3;
    c.font = `500 ${Math.max(9.5, 11 * scale) * this.dpr}px ${this.colours.font}`;
    c.fillText(centre.small, middle, middle + 15 * scale * this.dpr);
  }
}
