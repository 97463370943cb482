// SPDX-License-Identifier: Apache-2.0
//
// start: a catalog without devices: three steps to the first one, or a fleet to look at.

import { useEffect, useState } from 'preact/hooks';
import type { Enrolment } from '../api/api';
import { call } from '../api/client';
import { catalog, hrefOf, may, session } from '../core/session';
import { t } from '../i18n/i18n';
import { Command } from './copy';

export function Start() {
  const [enrolment, setEnrolment] = useState<Enrolment | null>(null);
  const claims = may('devices:claim');
  useEffect(() => {
    if (claims) call('GET /catalogs/{catalog}/enrolment', { path: { catalog: catalog.value } }).then(setEnrolment, () => {}); // the claim page tells more
  }, []);
  if (!claims) {
    const role = session.value ? t(`role.${session.value.account.role}`) : '';
    return <section class="card c12"><p class="empty"><b>{t('start.empty')}</b>{t('start.readOnly', { role })}</p></section>;
  }
  const enroll = enrolment ? `orrery-device enroll --server ${enrolment.server} --ca-sha256 ${enrolment.caSha256} --claim CODE` : '';
  return (
    <section class="card c12 start" aria-labelledby="start">
      <h2 id="start">{t('start.title')}</h2>
      <p class="dim">{t('start.sub')}</p>
      <ol>
        <li><b>{t('start.one')}</b><p>{t('start.oneHow')}</p><a class="btn p" href={hrefOf('/claim')}>{t('nav.claim')}</a></li>
        <li><b>{t('start.two')}</b><p>{t('start.twoHow')}</p>{enroll ? <Command text={enroll} /> : null}</li>
        <li><b>{t('start.three')}</b><p>{t('start.threeHow')}</p></li>
      </ol>
      <div class="instead"><b>{t('start.look')}</b><p>{t('start.lookHow')}</p><Command text="make run FLEET=1000" /></div>
    </section>
  );
}
