// SPDX-License-Identifier: Apache-2.0
//
// orbit-plan: where each dot of the orbit map goes.
//
//   rings of dots --equal area a dot--> bands of tracks --column by column--> x, y
//
// Neighbours in order stand on one angle, over all tracks of their ring: a site is a wedge. A
// corridor at twelve o'clock is left free for the names. Few devices get wide orbits and large
// dots; 100,000 fill the disc. Lengths are in device pixels.

export interface Band {
  inner: number;
  thick: number;
  tracks: number;
  open: number; // the angle at which the corridor ends, measured from twelve o'clock
}

export interface Plan {
  size: number;
  middle: number;
  dot: number; // diameter
  bands: Band[];
  x: Float32Array;
  y: Float32Array;
  fraction: Float32Array; // of the way around, 0 to 1
}

const INNER = 0.255;
const OUTER = 0.955;
const GAP = 9;
const THINNEST = 7;
const WIDEST_AREA = 480; // css px² a dot gets at most
const FULLEST = 15; // css px across, a dot at most

const corridor = (radius: number, half: number) => Math.asin(Math.min(0.95, half / Math.max(radius, 1)));

// Bands that give every dot the same area; the area is found by halving.
function fit(counts: number[], room: [number, number], gap: number, thinnest: number, half: number, most: number): { bands: [number, number][]; area: number } {
  const [inner, outer] = room;
  const lay = (area: number) => {
    let r = inner;
    const bands = counts.map(n => {
      let t = thinnest;
      for (let k = 0; k < 8; k++) t = Math.max(thinnest, (n * area) / Math.max(1, 2 * Math.PI * (r + t / 2) - 2 * half));
      const band: [number, number] = [r, t];
      r += t + gap;
      return band;
    });
    return { bands, end: r - gap };
  };
  let low = 0.05;
  let high = most;
  for (let k = 0; k < 40; k++) {
    const area = (low + high) / 2;
    if (lay(area).end > outer) high = area;
    else low = area;
  }
  const { bands, end } = lay(low);
  const spare = Math.max(0, outer - end) / (counts.length + 1);
  return { bands: bands.map(([r, t], i) => [r + spare * (i + 1), t]), area: low };
}

function seatRing(plan: Plan, band: Band, first: number, count: number, half: number): void {
  const radius = (k: number) => band.inner + (band.thick / band.tracks) * (k + 0.5);
  const opens = Array.from({ length: band.tracks }, (_, k) => corridor(radius(k), half));
  const arcs = opens.map((open, k) => radius(k) * (2 * Math.PI - 2 * open));
  const whole = arcs.reduce((a, b) => a + b, 0);
  let left = count;
  const room = arcs.map((arc, k) => {
    const n = k === band.tracks - 1 ? left : Math.min(left, Math.round((count * arc) / whole));
    left -= n;
    return n;
  });
  const used = room.map(() => 0);
  for (let i = first; i < first + count; i++) {
    let track = 0;
    let least = 2;
    for (let k = 0; k < room.length; k++) {
      const f = (used[k]! + 0.5) / room[k]!;
      if (used[k]! < room[k]! && f < least) {
        least = f;
        track = k;
      }
    }
    used[track]!++;
    const angle = opens[track]! + (2 * Math.PI - 2 * opens[track]!) * least;
    plan.x[i] = plan.middle + radius(track) * Math.sin(angle);
    plan.y[i] = plan.middle - radius(track) * Math.cos(angle);
    plan.fraction[i] = least;
  }
}

export function planOrbit(counts: number[], size: number, dpr: number, corridorHalf: number): Plan {
  const total = counts.reduce((a, b) => a + b, 0);
  const middle = size / 2;
  const half = corridorHalf * dpr;
  const room: [number, number] = [middle * INNER, middle * OUTER];
  const gap = Math.min(GAP * dpr, ((room[1] - room[0]) * 0.3) / Math.max(1, counts.length));
  const thinnest = Math.min(THINNEST * dpr, ((room[1] - room[0]) * 0.5) / Math.max(1, counts.length));
  const { bands, area } = fit(counts, room, gap, thinnest, half, WIDEST_AREA * dpr * dpr);
  const pitch = Math.sqrt(area);
  const plan: Plan = {
    size, middle, dot: Math.max(1, Math.min(FULLEST * dpr, pitch * 0.78)), bands: [],
    x: new Float32Array(total), y: new Float32Array(total), fraction: new Float32Array(total),
  };
  let first = 0;
  counts.forEach((n, i) => {
    const [inner, thick] = bands[i]!;
    const tracks = Math.max(1, Math.round(thick / pitch));
    const band = { inner, thick, tracks, open: corridor(inner + thick / 2, half) };
    plan.bands.push(band);
    seatRing(plan, band, first, n, half);
    first += n;
  });
  return plan;
}

// The angle from twelve o'clock at a fraction of a band's way.
export const angleAt = (band: Band, fraction: number) => band.open + (2 * Math.PI - 2 * band.open) * fraction;
