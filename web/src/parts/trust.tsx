// SPDX-License-Identifier: Apache-2.0
//
// trust: the last evidence in words: what was judged, what was found, what vouches for the device.

import type { Certificate, Device, Evidence, Finding } from '../api/api';
import { marks, short, untold, type BootMark } from '../core/evidence';
import { Ago } from '../core/time';
import { named, t } from '../i18n/i18n';
import { CrossIcon, TickIcon, WarnIcon } from './icons';
import { Glyph, stateClass, verdictSentence, verdictState } from './state';

function FindingItem({ f }: { f: Finding }) {
  const { expected, found, remedy } = untold(f);
  return (
    <li>
      <p>{f.text}</p>
      {expected || found ? (
        <dl class="kv">
          {expected ? <><dt>{t('trust.expected')}</dt><dd>{expected}</dd></> : null}
          {found ? <><dt>{t('trust.found')}</dt><dd>{found}</dd></> : null}
        </dl>
      ) : null}
      {remedy ? <p class="dim">{remedy}</p> : null}
    </li>
  );
}

function CertificateRows({ c }: { c: Certificate | null }) {
  if (!c) return <><dt>{t('trust.certificate')}</dt><dd>{t('trust.noCertificate')}</dd></>;
  return (
    <>
      <dt>{t('trust.certificate')}</dt><dd>{named(`certificate.${c.kind}`, c.kind)}</dd>
      <dt>{t('trust.from')}</dt><dd><Ago t={c.notBefore} /></dd>
      <dt>{t('trust.until')}</dt><dd><Ago t={c.notAfter} /></dd>
      <dt>{t('trust.serial')}</dt><dd class="mono" title={c.serial}>{short(c.serial)}</dd>
    </>
  );
}

const SHOWN_CLAIMS = ['bootcount', 'dbgstat', 'oemboot', 'svn'];

function Claims({ claims }: { claims: Record<string, unknown> }) {
  const rows = SHOWN_CLAIMS.filter(c => claims[c] !== undefined && claims[c] !== null);
  return <>{rows.map(c => <><dt>{t(`claim.${c}` as 'claim.bootcount')}</dt><dd class="num">{claim(c, claims[c])}</dd></>)}</>;
}

function claim(name: string, v: unknown): string {
  if (name === 'dbgstat') return named(`dbgstat.${String(v)}`, String(v));
  if (typeof v === 'boolean') return v ? t('word.yes') : t('word.no');
  return typeof v === 'number' ? t('number', { n: v }) : String(v);
}

export function Trust({ device, evidence }: { device: Device; evidence: Evidence | null }) {
  const verdict = evidence?.verdict ?? device.verdict;
  const state = verdictState(verdict);
  const findings = evidence?.findings ?? [];
  return (
    <section class="card trust" aria-labelledby="trust">
      <header><h2 id="trust">{t('trust.title')}</h2><span class="grow" /><span class="sub"><Ago t={evidence?.attestedAt ?? device.attestedAt} never={t('trust.never')} /></span></header>
      <div class={'verdict ' + stateClass(state)}><Glyph state={state} size={16} /><p>{verdictSentence(verdict)}</p></div>
      {findings.length ? <ul class="findings">{findings.map((f, i) => <FindingItem key={i} f={f} />)}</ul> : null}
      <dl class="kv pad">
        <CertificateRows c={evidence?.certificate ?? device.certificate} />
        <dt>{t('trust.attester')}</dt><dd>{named(`attester.${evidence?.attester ?? 'none'}`, evidence?.attester ?? '–')}</dd>
        {evidence?.claims ? <Claims claims={evidence.claims} /> : null}
        <dt>{t('trust.fingerprint')}</dt><dd class="mono" title={device.fingerprint}>{short(device.fingerprint)}</dd>
      </dl>
    </section>
  );
}

function BootMarkSign({ mark }: { mark: BootMark }) {
  if (mark === 'known') return <span class="st healthy"><TickIcon />{t('boot.isKnown')}</span>;
  return mark === 'withdrawn' ? <span class="st quar"><WarnIcon />{t('boot.isWithdrawn')}</span> : <span class="st quar"><CrossIcon />{t('boot.isUnknown')}</span>;
}

function bootSummary(all: BootMark[]): string {
  const unknown = all.filter(m => m === 'unknown').length;
  const withdrawn = all.filter(m => m === 'withdrawn').length;
  if (!unknown && !withdrawn) return all.length ? t('boot.allKnown', { n: all.length }) : '';
  return [unknown ? t('boot.strange', { n: unknown }) : '', withdrawn ? t('boot.withdrawn', { n: withdrawn }) : ''].filter(Boolean).join(', ');
}

export function BootLog({ evidence }: { evidence: Evidence | null }) {
  const log = evidence?.log ?? [];
  const judged = marks(log, evidence?.findings ?? []);
  return (
    <section class="card" aria-labelledby="boot">
      <header><h2 id="boot">{t('boot.title')}</h2><span class="sub">{bootSummary(judged)}</span></header>
      {log.length ? (
        <div class="scrolls boot" tabIndex={0} role="group" aria-labelledby="boot">
          <table>
            <thead><tr><th scope="col">{t('boot.pcr')}</th><th scope="col">{t('boot.component')}</th><th scope="col">{t('boot.sha256')}</th><th scope="col">{t('boot.known')}</th></tr></thead>
            <tbody>
              {log.map((m, i) => (
                <tr key={i}>
                  <td class="num dim">{m.pcr}</td><td>{m.component}<br /><span class="dimmer">{m.version ?? '–'}</span></td>
                  <td class="mono dim nowrap" title={m.sha256}>{m.sha256.slice(0, 8)}…{m.sha256.slice(-4)}</td>
                  <td><BootMarkSign mark={judged[i]!} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : <div class="empty">{t('boot.none')}</div>}
    </section>
  );
}
