// SPDX-License-Identifier: Apache-2.0
//
// router: the URL is the state.
//
//   click on <a> --go--> history --> place signal --> page
//
// A page reads its filters from place.value.query and changes them with
// setQuery, so that reload, back and a copied link show the same.

import { computed, signal } from '@preact/signals';

const read = () => ({ path: window.location.pathname, query: new URLSearchParams(window.location.search) });

export const place = signal(read());
export const path = computed(() => place.value.path);

export const matches = (pattern: RegExp, text: string) => {
  const found = pattern.exec(text);
  if (!found) return null;
  try {
    return found.slice(1).map(part => decodeURIComponent(part ?? ''));
  } catch {
    return null; // a stray % in the address
  }
};

export function go(href: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', href);
  else history.pushState(null, '', href);
  place.value = read();
}

export function withQuery(query: URLSearchParams, changes: Record<string, string | null>): string {
  const next = new URLSearchParams(query);
  for (const [k, v] of Object.entries(changes)) {
    if (v) next.set(k, v);
    else next.delete(k);
  }
  const text = next.toString();
  return text ? '?' + text : '';
}

export function setQuery(changes: Record<string, string | null>, how: { replace?: boolean } = { replace: true }): void {
  go(place.value.path + withQuery(place.value.query, changes), how);
}

function follow(e: MouseEvent): void {
  if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
  const link = (e.target as Element).closest('a[href]') as HTMLAnchorElement | null;
  if (!link || link.origin !== window.location.origin || link.target || link.hasAttribute('download')) return;
  if (link.hash && link.pathname === window.location.pathname) return;
  if (link.pathname.startsWith('/api/')) return;
  e.preventDefault();
  go(link.pathname + link.search);
}

export function startRouter(): void {
  window.addEventListener('popstate', () => (place.value = read()));
  document.addEventListener('click', follow);
}
