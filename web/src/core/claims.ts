// SPDX-License-Identifier: Apache-2.0
//
// claims: which devices somebody means, from what they typed or a file of any size.
//
//   text --readList()--> entries, bad lines with reasons
//   file --records()--> rows one by one --cut()--> posts of at most 900 KiB, the header in each
//
// The server judges every row again; what is plainly wrong is told here before it is sent.

export interface Entry {
  publicKey?: string;
  fingerprint?: string;
  id?: string;
  name?: string;
}

export interface BadLine {
  line: number;
  text: string;
  reason: 'unknown' | 'columns' | 'quote' | 'empty' | 'json' | 'twice';
}

export const POST_MAX = 900 * 1024;
export const FILE_MAX = 200 * 1024 * 1024;
const ROW_MAX = 64 * 1024;
const KEYS = ['publickey', 'fingerprint', 'id'];
const PEM = /-----BEGIN PUBLIC KEY-----[\s\S]*?-----END PUBLIC KEY-----/;

// A fingerprint may have colons and capitals, as other tools print it.
export function classify(text: string): Entry | null {
  const plain = text.trim().replace(/^(sha256:|0x)/i, '').replace(/[:\s]/g, '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(plain)) return { fingerprint: plain };
  if (/^[0-9a-f]{32}$/.test(plain)) return { id: plain };
  const pem = PEM.exec(text);
  return pem ? { publicKey: pem[0] + '\n' } : null;
}

// One device a line, a name behind it; or PEM blocks.
export function readList(text: string): { entries: Entry[]; lines: number[]; bad: BadLine[] } {
  const found: { entries: Entry[]; lines: number[]; bad: BadLine[] } = { entries: [], lines: [], bad: [] };
  const seen = new Set<string>();
  const all = text.split('\n');
  for (let i = 0; i < all.length; i++) {
    const line = i + 1;
    let item = all[i]!.trim();
    if (!item) continue;
    if (item.startsWith('-----BEGIN')) {
      while (i + 1 < all.length && !all[i]!.includes('-----END')) item += '\n' + all[++i]!.trim();
    }
    const [key = '', ...rest] = item.startsWith('-----') ? [item] : item.split(/[,;\t]|\s+(?=\S)/);
    const entry = classify(key);
    const which = entry ? (entry.publicKey ?? entry.fingerprint ?? entry.id)! : '';
    if (!entry) found.bad.push({ line, text: item.slice(0, 80), reason: 'unknown' });
    else if (seen.has(which)) found.bad.push({ line, text: item.slice(0, 80), reason: 'twice' });
    else {
      seen.add(which);
      const name = rest.join(' ').trim();
      found.entries.push(name ? { ...entry, name } : entry);
      found.lines.push(line);
    }
  }
  return found;
}

// The id under which an entry will be in the list: the first half of its fingerprint.
export async function idOf(e: Entry): Promise<string> {
  if (e.id) return e.id;
  if (e.fingerprint) return e.fingerprint.slice(0, 32);
  const der = Uint8Array.from(atob(e.publicKey!.replace(/-----[^-]*-----|\s/g, '')), c => c.charCodeAt(0));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', der));
  return [...digest.slice(0, 16)].map(b => b.toString(16).padStart(2, '0')).join('');
}

// ---------------------------------------------------------------- files

export class NotText extends Error {
  constructor(readonly why: 'binary' | 'utf16' | 'encoding' | 'empty' | 'header' | 'big' | 'json') {
    super(why);
  }
}

export interface Piece {
  text: string;
  line: number; // where it begins
}

// Pieces of a text that arrives in parts: rows of a CSV, which may span lines within quotes.
export class RowCutter {
  private rest = '';
  private line = 1;

  push(part: string, last = false): Piece[] {
    const out: Piece[] = [];
    let text = this.rest + part;
    for (;;) {
      const left = this.whole(out, text);
      const stray = left.includes('\n') && (last || left.length > ROW_MAX); // a quote that nothing closes
      if (!stray) {
        this.rest = left;
        break;
      }
      const end = left.indexOf('\n') + 1;
      this.row(out, left.slice(0, end));
      text = left.slice(end);
    }
    if (last && this.rest) this.row(out, this.rest);
    if (last) this.rest = '';
    return out;
  }

  // Takes the rows that are complete; what is left is the beginning of one.
  private whole(out: Piece[], text: string): string {
    let start = 0;
    let inside = false;
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c === 34) inside = !inside;
      else if (c === 10 && !inside) {
        this.row(out, text.slice(start, i + 1));
        start = i + 1;
      }
    }
    return text.slice(start);
  }

  private row(out: Piece[], raw: string): void {
    const text = raw.replace(/\r?\n$/, '');
    if (text.trim()) out.push({ text, line: this.line });
    for (let i = 0; i < raw.length; i++) if (raw.charCodeAt(i) === 10) this.line++;
  }
}

// The objects of a JSON list, wherever it stands.
export class ObjectCutter {
  private text = '';
  private depth = 0;
  private lists = 0;
  private quoted = false;
  private escaped = false;
  private line = 1;
  private began = 1;

  push(part: string): Piece[] {
    const out: Piece[] = [];
    for (const c of part) {
      if (c === '\n') this.line++;
      if (this.depth > 0 && this.lists > 0) this.text += c;
      if (this.quoted) {
        if (this.escaped) this.escaped = false;
        else if (c === '\\') this.escaped = true;
        else if (c === '"') this.quoted = false;
      } else if (c === '"') this.quoted = true;
      else if (c === '[') this.lists++;
      else if (c === ']') this.lists--;
      else if (c === '{' && this.lists > 0 && this.depth++ === 0) {
        this.text = '{';
        this.began = this.line;
      } else if (c === '}' && this.depth > 0 && --this.depth === 0) out.push({ text: this.text, line: this.began });
    }
    return out;
  }
}

export function separatorOf(header: string): string {
  const plain = header.replace(/"[^"]*"/g, '');
  return [',', ';', '\t'].map(s => [plain.split(s).length, s] as const).sort((a, b) => b[0] - a[0])[0]![1];
}

export function cells(row: string, separator: string): string[] {
  const out: string[] = [];
  let at = 0;
  while (at <= row.length) {
    if (row[at] === '"') {
      let end = at + 1;
      while (end < row.length && (row[end] !== '"' || row[end + 1] === '"')) end += row[end] === '"' ? 2 : 1;
      out.push(row.slice(at + 1, end).replace(/""/g, '"'));
      const next = row.indexOf(separator, end);
      if (next < 0) return out;
      at = next + 1;
    } else {
      const next = row.indexOf(separator, at);
      out.push(row.slice(at, next < 0 ? undefined : next).trim());
      if (next < 0) return out;
      at = next + 1;
    }
  }
  return out;
}

export const quoted = (value: string, separator: string) =>
  (value.includes(separator) || /["\r\n]/.test(value) ? `"${value.replace(/"/g, '""')}"` : value);

export interface Table {
  separator: string;
  names: string[];
  keys: number[]; // columns that say which device
}

export function tableOf(header: string): Table | null {
  const separator = separatorOf(header);
  const names = cells(header, separator).map(n => n.trim());
  const keys = names.flatMap((n, i) => (KEYS.includes(n.toLowerCase()) ? [i] : []));
  return keys.length ? { separator, names, keys } : null;
}

// Why a row cannot mean a device, null if it may.
export function flaw(row: string, t: Table): BadLine['reason'] | null {
  if ((row.match(/"/g)?.length ?? 0) % 2) return 'quote';
  const values = cells(row, t.separator);
  if (values.length > t.names.length) return 'columns';
  const key = t.keys.map(i => values[i] ?? '').find(Boolean);
  if (!key) return 'empty';
  return classify(key) ? null : 'unknown';
}

export interface Chunk {
  type: 'text/csv' | 'application/json';
  text: string;
  rows: number;
  lines: number[]; // of the file, by row of the chunk
  at: number[]; // the line of each row within the text of the chunk
  bytes: number; // of the file up to its end
}

export interface Found {
  rows: number;
  bad: BadLine[];
  badCount: number;
  first: string[][]; // the first rows, to look at
  names: string[];
}

// The line of the file that an answer about a chunk means.
export function lineOf(c: Chunk, problem: { line?: number; index?: number }): number | undefined {
  if (problem.index !== undefined) return c.lines[problem.index];
  if (problem.line === undefined) return undefined;
  for (let i = c.at.length - 1; i >= 0; i--) if (c.at[i]! <= problem.line) return c.lines[i]! + problem.line - c.at[i]!;
  return undefined;
}

const BAD_KEPT = 200;
const FIRST_KEPT = 5;
const encoder = new TextEncoder();

// Text of a file part by part. Refuses what is no UTF-8 text.
async function* texts(file: Blob): AsyncGenerator<[string, number]> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const head = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)) throw new NotText('utf16');
  const step = 1 << 20;
  for (let at = 0; at < file.size; at += step) {
    const bytes = new Uint8Array(await file.slice(at, at + step).arrayBuffer());
    if (bytes.includes(0)) throw new NotText('binary');
    let text: string;
    try {
      text = decoder.decode(bytes, { stream: at + step < file.size });
    } catch {
      throw new NotText('encoding');
    }
    yield [text, Math.min(file.size, at + step)];
  }
}

const looksJson = (text: string) => /^\s*[[{]/.test(text);

// Reads a file to its end: every row, cut into posts as it goes. `take` may take its time.
export async function cut(file: Blob, extra: Record<string, string>, take: (c: Chunk) => Promise<void>, look?: (read: number) => void): Promise<Found> {
  if (!file.size) throw new NotText('empty');
  if (file.size > FILE_MAX) throw new NotText('big');
  const found: Found = { rows: 0, bad: [], badCount: 0, first: [], names: [] };
  let cutter: { push(text: string, last?: boolean): Piece[] } | null = null;
  let writer: Writer | null = null;
  for await (const [text, read] of texts(file)) {
    if (!cutter) cutter = looksJson(text) ? new ObjectCutter() : new RowCutter();
    for (const piece of cutter.push(text, read >= file.size)) {
      if (!writer) {
        writer = cutter instanceof ObjectCutter ? new JsonWriter(extra) : CsvWriter.begin(piece.text, extra);
        found.names = writer.names;
        if (writer instanceof CsvWriter) continue;
      }
      const flawed = writer.flaw(piece.text);
      found.rows++;
      if (flawed) {
        found.badCount++;
        if (found.bad.length < BAD_KEPT) found.bad.push({ line: piece.line, text: piece.text.slice(0, 80), reason: flawed });
        continue;
      }
      if (found.first.length < FIRST_KEPT) found.first.push(writer.cells(piece.text));
      if (writer.full(piece.text)) await take(writer.end(read));
      writer.add(piece);
    }
    look?.(read);
  }
  if (!writer) throw new NotText(cutter instanceof ObjectCutter ? 'json' : 'empty');
  if (writer.count) await take(writer.end(file.size));
  return found;
}

abstract class Writer {
  protected rows: string[] = [];
  protected lines: number[] = [];
  protected at: number[] = [];
  protected size = 0;
  private next = 2; // behind the header
  names: string[] = [];
  abstract flaw(row: string): BadLine['reason'] | null;
  abstract cells(row: string): string[];
  abstract write(row: string): string;
  abstract finish(): Pick<Chunk, 'type' | 'text'>;

  get count(): number {
    return this.rows.length;
  }

  full(row: string): boolean {
    return this.size > 0 && this.size + row.length * 3 + 400 > POST_MAX;
  }

  add(p: Piece): void {
    const text = this.write(p.text);
    this.rows.push(text);
    this.lines.push(p.line);
    this.at.push(this.next);
    this.next += text.split('\n').length;
    this.size += encoder.encode(text).length + 1;
  }

  end(bytes: number): Chunk {
    const chunk = { ...this.finish(), rows: this.rows.length, lines: this.lines, at: this.at, bytes };
    this.rows = [];
    this.lines = [];
    this.at = [];
    this.next = 2;
    this.size = 0;
    return chunk;
  }
}

class CsvWriter extends Writer {
  private readonly more: [string, string][];

  private constructor(private readonly header: string, private readonly table: Table, extra: Record<string, string>) {
    super();
    const taken = table.names.map(n => n.toLowerCase());
    this.more = Object.entries(extra).filter(([name, value]) => value && !taken.includes(name.toLowerCase()));
    this.names = table.names;
  }

  static begin(first: string, extra: Record<string, string>): CsvWriter {
    const header = first.replace(/^\ufeff/, '');
    const table = tableOf(header);
    if (!table) throw new NotText('header');
    return new CsvWriter(header, table, extra);
  }

  private extended(row: string, values: string[]): string {
    const s = this.table.separator;
    if (!this.more.length) return row;
    const missing = Math.max(0, this.table.names.length - cells(row, s).length);
    return row + s.repeat(missing) + values.map(v => s + quoted(v, s)).join('');
  }

  flaw(row: string) {
    return flaw(row, this.table);
  }

  cells(row: string): string[] {
    return cells(row, this.table.separator);
  }

  write(row: string): string {
    return this.extended(row, this.more.map(m => m[1]));
  }

  finish(): Pick<Chunk, 'type' | 'text'> {
    return { type: 'text/csv', text: [this.extended(this.header, this.more.map(m => m[0])), ...this.rows].join('\n') + '\n' };
  }
}

class JsonWriter extends Writer {
  override names = ['id', 'name'];

  constructor(private readonly extra: Record<string, string>) {
    super();
  }

  private parse(row: string): Record<string, unknown> | null {
    try {
      return JSON.parse(row) as Record<string, unknown>;
    } catch {
      return null;
    }
  }

  flaw(row: string): BadLine['reason'] | null {
    const o = this.parse(row);
    if (!o) return 'json';
    const key = o.publicKey ?? o.fingerprint ?? o.id;
    return key === undefined ? 'empty' : classify(String(key)) ? null : 'unknown';
  }

  cells(row: string): string[] {
    const o = this.parse(row) ?? {};
    return [String(o.fingerprint ?? o.id ?? o.publicKey ?? '').slice(0, 64), String(o.name ?? '')];
  }

  write(row: string): string {
    const { group, ...tags } = this.extra;
    const o = this.parse(row)!;
    if (group && o.group === undefined) o.group = group;
    if (Object.keys(tags).length) o.tags = { ...tags, ...(o.tags as object | undefined) };
    return JSON.stringify(o);
  }

  finish(): Pick<Chunk, 'type' | 'text'> {
    return { type: 'application/json', text: `{"devices":[${this.rows.join(',')}]}` };
  }
}
