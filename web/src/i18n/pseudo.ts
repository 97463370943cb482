// SPDX-License-Identifier: Apache-2.0
//
// pseudo: the catalogue in brackets, accented, a third longer: "Devices" --> "⟦Ðévîçéš··⟧".

import type { Key, Message } from './i18n';

const FROM = 'ACDEILNOSUYZaceilnosuyz';
const TO = 'ÅÇÐÉÎĽÑÖŠÛÝŽåçéîľñöšûýž';

const accent = (text: string) => [...text].map(c => TO[FROM.indexOf(c)] ?? c).join('');

function stretch(text: string): string {
  const words = text.split(/(\{\w+\})/).map(part => (part.startsWith('{') ? part : accent(part))).join('');
  return `⟦${words}${'·'.repeat(Math.ceil(text.length / 3))}⟧`;
}

// A message that is nothing but a hole has no words to translate.
const one = (text: string) => (/^\{\w+\}$/.test(text) ? text : stretch(text));

export const pseudo = (messages: Record<Key, Message>) => Object.fromEntries(Object.entries(messages).map(([k, m]) =>
  [k, typeof m === 'string' ? one(m) : Object.fromEntries(Object.entries(m).map(([c, text]) => [c, one(text)]))])) as Record<Key, Message>;
