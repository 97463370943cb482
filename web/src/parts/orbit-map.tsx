// SPDX-License-Identifier: Apache-2.0
//
// orbit-map: the orbit map to look at, point at and walk through; and its twin, a table.
//
//   FleetFeed --changed--> next animation frame --> Orbit
//   pointer --> the device under it      arrows --> ring, site --Enter--> its list

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Device, DeviceState, Pattern } from '../api/api';
import { call } from '../api/client';
import { FleetFeed, type By } from '../core/fleet-feed';
import { KINDS, STATE_NAMES, type FleetMap, type Ring } from '../core/fleet-map';
import { theme } from '../core/prefs';
import { go, place, setQuery } from '../core/router';
import { devicesHref } from '../core/session';
import { listed, percent, t, type Key } from '../i18n/i18n';
import { announce } from './announce';
import { Fresh } from './fresh';
import { Orbit, type Scene } from './orbit';
import { Says } from './says';
import { Seg } from './seg';
import { Glyph, STATES, stateClass, stateWord } from './state';

const BYS: By[] = ['product', 'group', 'version'];
const HEALTHY = STATE_NAMES.indexOf('healthy');
const UPDATING = STATE_NAMES.indexOf('updating');
const NAME_AFTER_MS = 120;
const SIDE_MS = 500;
const STALE_MS = 60_000;
const SITES_SHOWN = 200;

interface Chosen {
  ring: number;
  site: number;
}

export const ringName = (ring: Ring) => ring.name ?? t('orbit.others', { n: ring.ids.length });
const siteName = (name: string) => name || t('orbit.noSite');

const countsAt = (counts: Uint32Array, at: number) =>
  Object.fromEntries(STATE_NAMES.map((s, i) => [s, counts[at * KINDS + i] ?? 0])) as Record<DeviceState, number>;
const trusted = (c: Record<DeviceState, number>, n: number) => (n ? (c.healthy + c.updating) / n : 0);
const worst = (c: Record<DeviceState, number>) => STATES.find(s => s !== 'healthy' && s !== 'updating' && c[s] > 0) ?? null;

// The list of a ring, or of one site in it.
export function listHref(by: string, ring: Ring, site?: string, state?: DeviceState): string {
  const q = new URLSearchParams();
  if (state) q.append('state', state);
  ring.ids.forEach(id => q.append(by, id ?? ''));
  if (site !== undefined) q.append('site', site);
  return `${devicesHref()}?${q}`;
}

// "861 offline, 318 at risk"
function troubles(c: Record<DeviceState, number>): string {
  const told = STATES.filter(s => s !== 'healthy' && c[s]).map(s => t('orbit.count', { n: c[s], state: stateWord(s).toLowerCase() }));
  return told.length ? listed(told) : t('orbit.allHealthy');
}

function sentence(map: FleetMap, patterns: Pattern[]): string {
  const { layout } = map;
  if (!layout) return t('orbit.title');
  const all = Object.fromEntries(STATE_NAMES.map((s, k) => [s, layout.rings.reduce((n, _, r) => n + map.ringCounts[r * KINDS + k]!, 0)])) as Record<DeviceState, number>;
  const parts = [t('orbit.sentence', { n: layout.total, rings: layout.rings.length }), troubles(all) + '.'];
  for (const p of patterns.slice(0, 3)) parts.push(`${p.text}.`);
  return parts.join(' ');
}

function useTick(feed: FleetFeed): number {
  const [version, set] = useState(0);
  void feed.ready.value; // its first layout does not wait for the clock
  useEffect(() => {
    const timer = setInterval(() => set(feed.map.version), SIDE_MS);
    return () => clearInterval(timer);
  }, [feed]);
  return version;
}

// ---------------------------------------------------------------- the device under the pointer

class Names {
  private readonly known = new Map<number, Promise<Device | null>>();
  constructor(private readonly catalog: string) {}

  of(seat: number): Promise<Device | null> {
    let asked = this.known.get(seat);
    if (!asked) {
      asked = call('GET /catalogs/{catalog}/devices', { path: { catalog: this.catalog }, query: { seat, limit: 1 } })
        .then(p => p.items[0] ?? null);
      asked.catch(() => this.known.delete(seat));
      this.known.set(seat, asked);
      if (this.known.size > 500) this.known.delete(this.known.keys().next().value!);
    }
    return asked;
  }
}

function Tip({ feed, names, dot, at, side }: { feed: FleetFeed; names: Names; dot: number; at: [number, number]; side: number }) {
  const { map } = feed;
  const box = useRef<HTMLDivElement>(null);
  const [device, setDevice] = useState<Device | null>(null);
  const [ring, first, last] = map.devicesOf(dot);
  const seat = map.layout!.seats[first]!;
  useEffect(() => {
    setDevice(null);
    if (last - first > 1) return;
    let here = true;
    const timer = setTimeout(() => names.of(seat).then(d => here && setDevice(d), () => {}), NAME_AFTER_MS);
    return () => {
      here = false;
      clearTimeout(timer);
    };
  }, [seat]);
  useEffect(() => {
    const b = box.current!;
    const left = Math.min(Math.max(4, at[0] - b.offsetWidth / 2), side - b.offsetWidth - 4);
    const above = at[1] - b.offsetHeight - 14;
    b.style.transform = `translate(${Math.round(left)}px, ${Math.round(above < 2 ? at[1] + 16 : above)}px)`;
  });
  const [, site] = map.siteOf(first);
  const state = STATE_NAMES[map.dotState[dot]!];
  const { name } = map.layout!.rings[ring]!.sites[site]!;
  return (
    <div class="tip" ref={box} aria-hidden="true">
      <b class="cut">{last - first > 1 ? t('orbit.several', { n: last - first }) : device ? (device.name ?? device.id.slice(0, 8)) : '…'}</b>
      <span class="cut">{ringName(map.layout!.rings[ring]!)} · {siteName(name)}</span>
      {state ? <span class={'st ' + stateClass(state)}><Glyph state={state} />{stateWord(state)}</span> : null}
      {device?.stateReason && state !== 'healthy' ? <span class="dim">{device.stateReason}</span> : null}
    </div>
  );
}

// ---------------------------------------------------------------- the picture

function dotsOfSite(map: FleetMap, c: Chosen): Scene['chosen'] {
  const ring = map.layout?.rings[c.ring];
  const site = ring?.sites[c.site];
  return site ? { ring: c.ring, first: map.dotOf(site.start), last: map.dotOf(site.start + site.count - 1) + 1 } : null;
}

function walked(map: FleetMap, at: Chosen | null, key: string): Chosen | null {
  const rings = map.layout!.rings;
  const here = at ?? { ring: rings.length - 1, site: -1 };
  if (key === 'ArrowUp' || key === 'ArrowDown') {
    const ring = at ? Math.max(0, Math.min(rings.length - 1, here.ring + (key === 'ArrowUp' ? 1 : -1))) : here.ring;
    return { ring, site: Math.max(0, Math.min(here.site, rings[ring]!.sites.length - 1)) };
  }
  const n = rings[here.ring]!.sites.length;
  if (key === 'ArrowRight') return { ring: here.ring, site: (here.site + 1) % n };
  if (key === 'ArrowLeft') return { ring: here.ring, site: (Math.max(here.site, 0) - 1 + n) % n };
  if (key === 'Home') return { ring: here.ring, site: 0 };
  return key === 'End' ? { ring: here.ring, site: n - 1 } : null;
}

function scene(feed: FleetFeed, chosen: Chosen | null, hover: number, patterns: Pattern[]): Scene {
  const { map } = feed;
  const shares = STATE_NAMES.map((_, k) => map.layout!.rings.reduce((n, _r, r) => n + map.ringCounts[r * KINDS + k]!, 0));
  const total = shares.reduce((a, b) => a + b, 0);
  return {
    names: map.layout!.rings.map(ringName), chosen: chosen ? dotsOfSite(map, chosen) : null, hover,
    marks: patterns.map(p => ({ n: p.n, dots: p.seats.map(map.placeOf).filter(i => i >= 0).map(i => map.dotOf(i)) })),
    centre: { big: total ? percent((shares[HEALTHY]! + shares[UPDATING]!) / total) : '–', small: t('orbit.trusted'), shares },
  };
}

// Draws when something changed, never by a clock; a hidden tab gets no animation frames.
function usePicture(feed: FleetFeed, view: { chosen: Chosen | null; hover: number; patterns: Pattern[] }) {
  const base = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const orbit = useRef<Orbit | null>(null);
  const latest = useRef(view);
  const side = useRef(0);
  latest.current = view;
  const redraw = useRef(() => {});
  useEffect(() => {
    const picture = (orbit.current = new Orbit(base.current!, over.current!, feed.map));
    let asked = 0;
    let laid = -1;
    let decorated = -Infinity;
    let later: ReturnType<typeof setTimeout> | undefined;
    const frame = (at: number) => {
      asked = 0;
      if (!feed.map.layout || !side.current) return;
      if (laid !== feed.map.layoutVersion) {
        laid = feed.map.layoutVersion;
        picture.resize(side.current, window.devicePixelRatio || 1);
        decorated = -Infinity;
      }
      const painted = picture.draw();
      // The shares in the centre follow twice a second; what a hand did, at once.
      if (!painted || at - decorated > SIDE_MS) {
        decorated = at;
        const { chosen, hover, patterns } = latest.current;
        picture.decorate(scene(feed, chosen, hover, patterns));
        if (feed.map.hasStates && !performance.getEntriesByName('orrery.map').length) performance.mark('orrery.map'); // page.overview measures it
        clearTimeout(later);
        later = undefined;
      } else later ??= setTimeout(schedule, SIDE_MS);
    };
    const schedule = () => {
      if (!asked) asked = requestAnimationFrame(frame);
    };
    redraw.current = schedule;
    feed.onChange = schedule;
    const measured = new ResizeObserver(([e]) => {
      const width = Math.floor(e!.contentRect.width);
      if (width === side.current || !base.current) return;
      side.current = width;
      for (const c of [base.current, over.current!]) c.style.width = c.style.height = `${width}px`;
      laid = -1;
      schedule();
    });
    measured.observe(box.current!);
    const scheme = window.matchMedia('(prefers-color-scheme: dark)');
    const recolour = () => {
      picture.recolour();
      decorated = -Infinity;
      schedule();
    };
    scheme.addEventListener('change', recolour);
    const stop = theme.subscribe(() => setTimeout(recolour));
    void document.fonts?.ready.then(() => schedule());
    return () => {
      feed.onChange = () => {};
      cancelAnimationFrame(asked);
      clearTimeout(later);
      measured.disconnect();
      scheme.removeEventListener('change', recolour);
      stop();
    };
  }, [feed]);
  useEffect(() => redraw.current(), [view.chosen?.ring, view.chosen?.site, view.hover, view.patterns]);
  return { base, over, box, orbit, side };
}

function Picture({ feed, patterns, chosen, onChoose }: { feed: FleetFeed; patterns: Pattern[]; chosen: Chosen | null; onChoose: (c: Chosen | null) => void }) {
  const [hover, setHover] = useState(-1);
  const { base, over, box, orbit, side } = usePicture(feed, { chosen, hover, patterns });
  const names = useMemo(() => new Names(feed.catalog), [feed]);
  const { map } = feed;
  const version = useTick(feed);
  const told = useMemo(() => sentence(map, patterns), [Math.floor(version / 5000), map.layoutVersion, patterns]);
  const href = (c: Chosen) => {
    const ring = map.layout!.rings[c.ring]!;
    return listHref(feed.by, ring, ring.sites[c.site]!.name);
  };

  function key(e: KeyboardEvent) {
    if (!map.layout?.rings.length) return;
    if (e.key === 'Enter' && chosen) return go(href(chosen));
    if (e.key === 'Escape') return onChoose(null);
    const next = walked(map, chosen, e.key);
    if (!next) return;
    e.preventDefault();
    onChoose(next);
    const ring = map.layout.rings[next.ring]!;
    const site = ring.sites[next.site]!;
    announce(t('orbit.at', { ring: ringName(ring), site: siteName(site.name), n: site.count, state: troubles(countsAt(map.siteCounts, map.firstSite[next.ring]! + next.site)) }), { now: true });
  }

  const at = (e: MouseEvent): [number, number] => {
    const r = base.current!.getBoundingClientRect();
    return [e.clientX - r.left, e.clientY - r.top];
  };
  const point = (e: PointerEvent) => {
    if (e.pointerType !== 'touch') setHover(orbit.current?.hit(...at(e)) ?? -1);
  };
  async function press(e: PointerEvent) {
    const n = orbit.current?.markAt(...at(e));
    const pattern = patterns.find(p => p.n === n);
    if (pattern) return go(`${devicesHref()}?${pattern.filter}`);
    const dot = orbit.current?.hit(...at(e)) ?? -1;
    if (dot < 0) return onChoose(null);
    const [, first, last] = map.devicesOf(dot);
    const [ring, site] = map.siteOf(first);
    // A finger covers many dots: it chooses the site, whose name and list then stand below.
    if (e.pointerType === 'touch' || last - first > 1) return onChoose({ ring, site });
    const device = await names.of(map.layout!.seats[first]!).catch(() => null);
    if (device) go(devicesHref(device.id));
    else onChoose({ ring, site });
  }

  return (
    <div class="cv" ref={box}>
      <div class="sky" tabIndex={0} role="application" aria-roledescription={t('orbit.title')} aria-label={t('orbit.keys')} aria-describedby="orbit-told" onKeyDown={key}>
        <canvas ref={base} role="img" aria-label={told} />
        <canvas ref={over} aria-hidden="true" class={'over' + (hover >= 0 ? ' hit' : '')} onPointerMove={point} onPointerLeave={() => setHover(-1)} onClick={e => void press(e as unknown as PointerEvent)} />
        {hover >= 0 && orbit.current?.plan && hover < map.layout!.dots ? <Tip feed={feed} names={names} dot={hover} at={orbit.current.pointOf(hover)} side={side.current} /> : null}
      </div>
      {feed.ready.value ? null : <p class="loading dim" role="status">{t('orbit.loading')}</p>}
      <span id="orbit-told" class="only-read">{told}</span>
    </div>
  );
}

function Caption({ feed, chosen }: { feed: FleetFeed; chosen: Chosen | null }) {
  useTick(feed);
  const { map } = feed;
  const ring = chosen ? map.layout?.rings[chosen.ring] : undefined;
  const site = chosen ? ring?.sites[chosen.site] : undefined;
  if (!ring || !site || !chosen) return <p class="caption dim"><kbd>↑</kbd><kbd>↓</kbd> {t('orbit.hintRing')} <kbd>←</kbd><kbd>→</kbd> {t('orbit.hintSite')} <kbd>Enter</kbd> {t('orbit.hintOpen')}</p>;
  return (
    <p class="caption">
      <b>{ringName(ring)} · {siteName(site.name)}</b>
      <span class="num">{t('orbit.devices', { n: site.count })}, {troubles(countsAt(map.siteCounts, map.firstSite[chosen.ring]! + chosen.site))}</span>
      <a class="link" href={listHref(feed.by, ring, site.name)}>{t('orbit.list')}</a>
    </p>
  );
}

// ---------------------------------------------------------------- beside it

function Rings({ feed }: { feed: FleetFeed }) {
  useTick(feed);
  const { map } = feed;
  const rings = (map.layout?.rings ?? []).map((ring, r) => ({ ring, r })).reverse();
  return (
    <ul class="rings" aria-label={t('orbit.rings')}>
      {rings.map(({ ring, r }) => {
        const c = countsAt(map.ringCounts, r);
        const bad = worst(c);
        return (
          <li key={ring.ids.join()}><a href={listHref(feed.by, ring)}>
            <span class="cut">{ringName(ring)}</span><span class="num">{percent(trusted(c, ring.count))}</span>
            <small class="num">{t('orbit.devices', { n: ring.count })}</small>
            <small class={'num ' + (bad ? stateClass(bad) : '')}>{bad ? <><Glyph state={bad} size={10} /> {t('number', { n: c[bad] })}<span class="only-read"> {stateWord(bad)}</span></> : null}</small>
          </a></li>
        );
      })}
    </ul>
  );
}

function Patterns({ items, missing }: { items: Pattern[] | null; missing: boolean }) {
  return (
    <div class="pats">
      <h3>{t('patterns.title')}</h3>
      {items?.length ? (
        <ol>
          {items.map(p => (
            <li key={p.n}><a href={`${devicesHref()}?${p.filter}`}>
              <span class="no" aria-hidden="true">{p.n}</span><b><Glyph state={p.state} size={10} /> {p.title}</b><small>{p.text}</small>
            </a></li>
          ))}
        </ol>
      ) : <p class="dim">{t(missing ? 'patterns.missing' : items ? 'patterns.none' : 'patterns.wait')}</p>}
    </div>
  );
}

// ---------------------------------------------------------------- the twin

const COLUMNS: DeviceState[] = [...STATES].reverse();

function Cells({ counts, href }: { counts: Record<DeviceState, number>; href: (s: DeviceState) => string }) {
  return <>{COLUMNS.map(s => <td key={s} class="r num">{counts[s] ? <a class={stateClass(s)} href={href(s)}>{t('number', { n: counts[s] })}</a> : <span class="dimmer">0</span>}</td>)}</>;
}

function RingRows({ feed, ring, r }: { feed: FleetFeed; ring: Ring; r: number }) {
  const [open, setOpen] = useState(false);
  const { map } = feed;
  const c = countsAt(map.ringCounts, r);
  const sites = open ? ring.sites.map((s, k) => ({ s, c: countsAt(map.siteCounts, map.firstSite[r]! + k) }))
    .sort((a, b) => trusted(a.c, a.s.count) - trusted(b.c, b.s.count)).slice(0, SITES_SHOWN) : [];
  return (
    <>
      <tr>
        <th scope="row" class="cell"><button type="button" class="btn ghost sm" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? '▾' : '▸'} {ringName(ring)}</button></th>
        <td class="r num"><a href={listHref(feed.by, ring)}>{t('number', { n: ring.count })}</a></td><td class="r num">{percent(trusted(c, ring.count))}</td>
        <Cells counts={c} href={s => listHref(feed.by, ring, undefined, s)} />
      </tr>
      {sites.map(({ s, c: of }) => (
        <tr key={s.start} class="inner"><th scope="row" class="cell">{siteName(s.name)}</th>
          <td class="r num"><a href={listHref(feed.by, ring, s.name)}>{t('number', { n: s.count })}</a></td><td class="r num">{percent(trusted(of, s.count))}</td>
          <Cells counts={of} href={state => listHref(feed.by, ring, s.name, state)} /></tr>
      ))}
      {open && ring.sites.length > SITES_SHOWN ? <tr class="inner"><td colSpan={9}>{t('orbit.moreSites', { n: ring.sites.length - SITES_SHOWN })}</td></tr> : null}
    </>
  );
}

function Twin({ feed }: { feed: FleetFeed }) {
  useTick(feed);
  const { layout } = feed.map;
  return (
    <div class="scrolls twin" tabIndex={0} role="group" aria-label={t('orbit.table')}>
      <table>
        <thead><tr><th scope="col">{t(`orbit.by.${feed.by}`)}</th><th scope="col" class="r">{t('nav.devices')}</th><th scope="col" class="r">{t('orbit.trustedShare')}</th>
          {COLUMNS.map(s => <th key={s} scope="col" class="r"><span class={'st ' + stateClass(s)}><Glyph state={s} size={10} />{stateWord(s)}</span></th>)}</tr></thead>
        <tbody>{(layout?.rings ?? []).map((ring, r) => ({ ring, r })).reverse().map(({ ring, r }) => <RingRows key={ring.ids.join()} feed={feed} ring={ring} r={r} />)}</tbody>
      </table>
    </div>
  );
}

export function OrbitCard({ catalog, patterns, patternsMissing }: { catalog: string; patterns: Pattern[] | null; patternsMissing: boolean }) {
  const query = place.value.query;
  const by = (BYS as string[]).includes(query.get('by') ?? '') ? (query.get('by') as By) : 'product';
  const table = query.get('view') === 'table';
  const feed = useMemo(() => new FleetFeed(catalog, by), [catalog, by]);
  const [chosen, setChosen] = useState<Chosen | null>(null);
  useEffect(() => {
    setChosen(null);
    return feed.start();
  }, [feed]);
  const shown = useMemo(() => patterns ?? [], [patterns]);
  const layout = feed.ready.value ? feed.map.layout : null;
  return (
    <section class="card c8 orbit" aria-labelledby="orbit">
      <header>
        <h2 id="orbit">{t('orbit.title')}</h2>
        <span class="sub">{layout && layout.each > 1 ? t('orbit.each', { n: layout.each }) : t('orbit.sub')}</span>
        <Fresh asOf={feed.asOf.value} every={STALE_MS} /><span class="grow" />
        <Seg label={t('orbit.ringBy')} value={by} onPick={v => setQuery({ by: v === 'product' ? null : v })} choices={BYS.map(value => ({ value, label: t(`orbit.by.${value}` as Key) }))} />
        <button type="button" class="btn ghost sm" aria-pressed={table} onClick={() => setQuery({ view: table ? null : 'table' })}>{t('orbit.asTable')}</button>
      </header>
      {feed.error.value ? <div class="pad"><Says error={feed.error.value} retry={() => void feed.load()} /></div> : null}
      {feed.missing.value ? <p class="empty">{t('orbit.missing')}</p> : (
        <div class={'both' + (table ? ' told' : '')}>
          {table ? <Twin feed={feed} /> : <div class="view"><Picture feed={feed} patterns={shown} chosen={chosen} onChoose={setChosen} /><Caption feed={feed} chosen={chosen} /></div>}
          <div class="beside">{table ? null : <Rings feed={feed} />}<Patterns items={patterns} missing={patternsMissing} /></div>
        </div>
      )}
    </section>
  );
}
