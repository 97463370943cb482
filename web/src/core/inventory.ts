// SPDX-License-Identifier: Apache-2.0
//
// inventory: the products and groups of the catalog, for names and choices on every page.

import { signal } from '@preact/signals';
import type { Group, Product } from '../api/api';
import { call } from '../api/client';
import type { Filter, Param } from './filter';
import { allOf } from './pages';

export const products = signal<Product[] | null>(null);
export const groups = signal<Group[] | null>(null);
let of = '';

export async function loadInventory(catalog: string): Promise<void> {
  if (of !== catalog) {
    products.value = null;
    groups.value = null;
    of = catalog;
  }
  const path = { catalog };
  const [p, g] = await Promise.all([
    allOf(query => call('GET /catalogs/{catalog}/products', { path, query })), allOf(query => call('GET /catalogs/{catalog}/device-groups', { path, query })),
  ]);
  if (of !== catalog) return;
  products.value = p;
  groups.value = g;
}

export const groupName = (g: Group) => `${g.product.name} / ${g.name}`;

// The id that a name in the query bar means; an id stays what it is.
export function resolve(p: Param, value: string): string {
  const same = (name: string) => name.toLowerCase() === value.toLowerCase();
  if (p === 'product') return products.value?.find(x => same(x.name))?.id ?? value;
  if (p === 'group') return groups.value?.find(x => same(groupName(x)) || same(x.name))?.id ?? value;
  return value;
}

export function nameOf(p: Param, value: string): string | null {
  if (p === 'product') return products.value?.find(x => x.id === value)?.name ?? null;
  if (p !== 'group') return null;
  const g = groups.value?.find(x => x.id === value);
  return g ? groupName(g) : null;
}

// Whether a filter names products or groups, whose names must then be known.
export const namesNeeded = (f: Filter) => Boolean(f.product?.length || f.group?.length);
