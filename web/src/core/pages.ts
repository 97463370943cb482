// SPDX-License-Identifier: Apache-2.0
//
// pages: a whole list, one page of the server's after the other.

import type { Next } from '../api/api';

const PAGE = 200; // the most that the server gives at once

export async function allOf<T>(page: (query: { limit: number; cursor: Next }) => Promise<{ items: T[]; next: Next }>, most = Infinity): Promise<T[]> {
  const items: T[] = [];
  let cursor: Next = null;
  do {
    const found: { items: T[]; next: Next } = await page({ limit: PAGE, cursor });
    items.push(...found.items);
    cursor = found.next;
  } while (cursor && items.length < most);
  return items;
}
