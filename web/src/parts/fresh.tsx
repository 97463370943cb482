// SPDX-License-Identifier: Apache-2.0
//
// fresh: says how old something is once it is older than it should be.

import { now } from '../core/time';
import { ago } from '../core/time';
import { longDate, t } from '../i18n/i18n';

export function Fresh({ asOf, every }: { asOf: number | null; every: number }) {
  if (asOf === null || now.value - asOf <= 2 * every + 2000) return null;
  return <span class="old" title={longDate.format(asOf)}>{t('fresh.old', { ago: ago(asOf, now.value) })}</span>;
}
