// SPDX-License-Identifier: Apache-2.0
//
// fleet-map: who sits where in the picture of the fleet, and in what state.
//
//   GET fleet-layout --> rings of sites of seats      topic fleet --> a state for each seat
//                '-- dots, in order of ring, site, id --'--> counts for each ring and site
//
// A seat is a device's number for life. A dot is one device, or, above MOST_DOTS devices, a few
// neighbours of one ring: it shows the worst of them, so that no red is ever averaged away.

export const MOST_DOTS = 100_000;
export const MOST_RINGS = 11;
export const STATE_NAMES = ['unknown', 'healthy', 'updating', 'atRisk', 'quarantined', 'offline'] as const;
export const KINDS = STATE_NAMES.length;
export const NOBODY = 255;
const WORSE = [2, 0, 1, 4, 5, 3, 0]; // by state number: quarantined is the worst, healthy the least; then nobody

export interface Site {
  name: string;
  start: number; // first device, in order
  count: number;
}

export interface Ring {
  ids: (string | null)[]; // more than one where small ones were put together
  name: string | null; // null: those put together
  start: number;
  count: number;
  sites: Site[];
  firstDot: number;
  dots: number;
}

export interface Layout {
  by: string;
  rings: Ring[]; // inner to outer: small to large
  seats: Uint32Array; // in order of ring, site, id
  total: number;
  each: number; // devices a dot
  dots: number;
}

interface Said {
  by: string;
  total: number;
  rings: { id: string | number | null; name: string; count: number; sites: { name: string; count: number }[] }[];
}

type Slice = Said['rings'][number] & { from: number };

// The server's bytes: u32 length, JSON, u32 count, u32 seats, all little-endian.
export function readLayout(bytes: ArrayBuffer): Layout {
  const view = new DataView(bytes);
  const length = view.getUint32(0, true);
  const said = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length))) as Said;
  const count = view.getUint32(4 + length, true);
  const first = 8 + length;
  if (first + count * 4 > bytes.byteLength) throw new RangeError('the layout ends early');
  return arrange(said, new Uint32Array(bytes.slice(first, first + count * 4)));
}

// Small to large, the smallest put together when there are too many to draw.
function order(slices: Slice[]): Slice[][] {
  const sorted = [...slices].filter(r => r.count).sort((a, b) => a.count - b.count || String(a.id).localeCompare(String(b.id)));
  const extra = sorted.length - MOST_RINGS;
  if (extra <= 0) return sorted.map(r => [r]);
  const together = sorted.splice(0, extra + 1);
  const count = together.reduce((n, r) => n + r.count, 0);
  const at = sorted.findIndex(r => r.count > count);
  const rings = sorted.map(r => [r]);
  rings.splice(at < 0 ? rings.length : at, 0, together);
  return rings;
}

export function arrange(said: Said, seats: Uint32Array): Layout {
  let from = 0;
  const slices = said.rings.map(r => {
    const slice = { ...r, from };
    from += r.count;
    return slice;
  });
  const each = Math.max(1, Math.ceil(seats.length / MOST_DOTS));
  const ordered = new Uint32Array(seats.length);
  let start = 0;
  let dots = 0;
  const rings = order(slices).map(parts => {
    const ring: Ring = {
      ids: parts.map(p => (p.id === null ? null : String(p.id))), name: parts.length > 1 ? null : parts[0]!.name,
      start, count: 0, sites: [], firstDot: dots, dots: 0,
    };
    for (const p of parts) {
      ordered.set(seats.subarray(p.from, p.from + p.count), start + ring.count);
      for (const s of p.sites) {
        ring.sites.push({ name: s.name, start: start + ring.count, count: s.count });
        ring.count += s.count;
      }
      ring.count = ring.sites.reduce((n, s) => n + s.count, 0);
    }
    ring.dots = Math.ceil(ring.count / each);
    start += ring.count;
    dots += ring.dots;
    return ring;
  });
  return { by: said.by, rings, seats: ordered, total: seats.length, each, dots };
}

const grown = (states: Uint8Array, size: number) => {
  if (size <= states.length) return states;
  const more = new Uint8Array(Math.max(size, states.length * 2)).fill(NOBODY);
  more.set(states);
  return more;
};

export class FleetMap {
  layout: Layout | null = null;
  states: Uint8Array = new Uint8Array(0); // by seat
  dotState = new Uint8Array(0); // by dot: the worst of its devices
  ringCounts = new Uint32Array(0); // ring * KINDS + state
  siteCounts = new Uint32Array(0); // (sites of the rings before + site) * KINDS + state
  version = 0; // grows with each change
  layoutVersion = 0; // grows when somebody moved
  hasStates = false;
  readonly changed = new Set<number>(); // dots to draw again
  allChanged = false;
  private place = new Int32Array(0); // seat --> index in layout.seats
  private ringAt = new Uint16Array(0); // index --> ring
  private siteAt = new Uint32Array(0); // index --> site over all rings
  firstSite: number[] = []; // ring --> its first site over all rings

  setLayout(layout: Layout): void {
    this.layout = layout;
    const top = layout.seats.reduce((most, s) => Math.max(most, s + 1), 0);
    this.states = grown(this.states, top);
    this.place = new Int32Array(top).fill(-1);
    this.ringAt = new Uint16Array(layout.total);
    this.siteAt = new Uint32Array(layout.total);
    for (let i = 0; i < layout.total; i++) this.place[layout.seats[i]!] = i;
    let site = 0;
    this.firstSite = [];
    layout.rings.forEach((ring, r) => {
      this.firstSite.push(site);
      this.ringAt.fill(r, ring.start, ring.start + ring.count);
      for (const s of ring.sites) this.siteAt.fill(site++, s.start, s.start + s.count);
    });
    this.layoutVersion++;
    this.count();
  }

  setStates(states: Uint8Array): void {
    const size = this.place.length;
    this.states = new Uint8Array(Math.max(size, states.length)).fill(NOBODY);
    this.states.set(states);
    this.hasStates = true;
    this.count();
  }

  // One seat's new state. False if nobody is known to sit there: the layout is old.
  set(seat: number, state: number): boolean {
    const at = seat < this.place.length ? this.place[seat]! : -1;
    this.states = grown(this.states, seat + 1);
    const before = this.states[seat]!;
    this.states[seat] = state;
    if (at < 0) return state === NOBODY;
    if (before === state) return true;
    this.tally(at, before, -1);
    this.tally(at, state, 1);
    this.refreshDot(at);
    this.version++;
    return true;
  }

  private tally(at: number, state: number, by: number): void {
    if (state >= KINDS) return;
    this.ringCounts[this.ringAt[at]! * KINDS + state]! += by;
    this.siteCounts[this.siteAt[at]! * KINDS + state]! += by;
  }

  dotOf(at: number): number {
    const ring = this.layout!.rings[this.ringAt[at]!]!;
    return ring.firstDot + Math.floor((at - ring.start) / this.layout!.each);
  }

  // The devices of a dot: [first, last) in order.
  devicesOf(dot: number): [ring: number, first: number, last: number] {
    const { rings, each } = this.layout!;
    let r = rings.length - 1;
    while (r > 0 && rings[r]!.firstDot > dot) r--;
    const first = rings[r]!.start + (dot - rings[r]!.firstDot) * each;
    return [r, first, Math.min(first + each, rings[r]!.start + rings[r]!.count)];
  }

  siteOf(at: number): [ring: number, site: number] {
    const ring = this.ringAt[at]!;
    return [ring, this.siteAt[at]! - this.firstSite[ring]!];
  }

  placeOf = (seat: number): number => (seat < this.place.length ? this.place[seat]! : -1);

  private worst(first: number, last: number): number {
    const { seats } = this.layout!;
    let worst = NOBODY;
    for (let i = first; i < last; i++) {
      const s = this.states[seats[i]!]!;
      if (s < KINDS && (worst === NOBODY || WORSE[s]! > WORSE[worst]!)) worst = s;
    }
    return worst;
  }

  private refreshDot(at: number): void {
    const dot = this.dotOf(at);
    const state = this.layout!.each === 1 ? this.states[this.layout!.seats[at]!]! : this.worst(...(this.devicesOf(dot).slice(1) as [number, number]));
    if (this.dotState[dot] === state) return;
    this.dotState[dot] = state;
    this.changed.add(dot);
  }

  private count(): void {
    const { layout } = this;
    if (!layout) return;
    const sites = layout.rings.reduce((n, r) => n + r.sites.length, 0);
    this.ringCounts = new Uint32Array(layout.rings.length * KINDS);
    this.siteCounts = new Uint32Array(sites * KINDS);
    this.dotState = new Uint8Array(layout.dots);
    for (let i = 0; i < layout.total; i++) this.tally(i, this.states[layout.seats[i]!]!, 1);
    layout.rings.forEach(ring => {
      for (let d = 0; d < ring.dots; d++) {
        const first = ring.start + d * layout.each;
        this.dotState[ring.firstDot + d] = this.worst(first, Math.min(first + layout.each, ring.start + ring.count));
      }
    });
    this.changed.clear();
    this.allChanged = true;
    this.version++;
  }
}
