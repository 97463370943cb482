// SPDX-License-Identifier: Apache-2.0
//
// evidence: what the findings say about each measurement of a boot log.
//
//   log + findings --marks--> known | withdrawn | unknown, one a line

import type { Finding, LogEntry } from '../api/api';

export type BootMark = 'known' | 'withdrawn' | 'unknown';

// A build in the reference values is still refused once a newer security version replaced it:
// the log calls it known, a finding names it all the same.
export function marks(log: LogEntry[], findings: Finding[]): BootMark[] {
  const refused = (m: LogEntry) => findings.some(f =>
    f.component === m.component && (f.found ?? '').includes((m.version ?? '').slice(0, 60)));
  return log.map(m => (!m.known ? 'unknown' : refused(m) ? 'withdrawn' : 'known'));
}

// Digests and serials are recognised by their ends; a sentence is read whole.
export const short = (text: string): string =>
  /^[0-9a-f:]{21,}$/i.test(text) ? `${text.slice(0, 12)}…${text.slice(-6)}` : text;

// The sentence of a finding tells it all as a rule: what is left are the parts it leaves out.
export function untold(f: Finding): Pick<Finding, 'expected' | 'found' | 'remedy'> {
  const left = (part: string | null) => (part && !f.text.includes(part) ? part : null);
  return { expected: left(f.expected), found: left(f.found), remedy: left(f.remedy) };
}
