// SPDX-License-Identifier: Apache-2.0
//
// catalogs: those one may see, with how many devices each has.

import { signal } from '@preact/signals';
import type { Catalog } from '../api/api';
import { call } from '../api/client';

export const catalogs = signal<Catalog[] | null>(null);

export async function loadCatalogs(): Promise<void> {
  catalogs.value = (await call('GET /catalogs', { query: { limit: 200 } })).items;
}
