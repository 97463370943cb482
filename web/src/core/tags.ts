// SPDX-License-Identifier: Apache-2.0
//
// tags: a device's tags as lines to edit, and what changed in them.
//
//   { site: 'hq' } --tagLines--> "site=hq" --edited, tagChanges--> { site: 'lab', old: null } | the number of a bad line
//
// A tag that such a line cannot hold (its name has an = or outer blanks) is not offered and stays as it is.

type Tags = Record<string, string>;

const fits = (name: string) => !name.includes('=') && name === name.trim();

export const tagLines = (tags: Tags): string => Object.entries(tags).filter(([name]) => fits(name)).map(([name, value]) => `${name}=${value}`).join('\n');

// null takes a tag away. Blanks around a value are not meant, unless they were there.
export function tagChanges(before: Tags, text: string): Record<string, string | null> | number {
  const changes: Record<string, string | null> = {};
  for (const name of Object.keys(before)) if (fits(name)) changes[name] = null;
  for (const [i, line] of text.split('\n').entries()) {
    const at = line.indexOf('=');
    const name = line.slice(0, at).trim();
    if (!line.trim()) continue;
    if (at < 1 || !name) return i + 1;
    const value = line.slice(at + 1);
    if (before[name] === value) delete changes[name];
    else changes[name] = value.trim();
  }
  return changes;
}
