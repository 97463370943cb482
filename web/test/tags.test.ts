// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import test from 'node:test';
import { tagChanges, tagLines } from '../src/core/tags';

const before = { site: 'hq', 'a=b': 'kept', note: ' x ' };

test('only what was changed is sent, null where a line is gone', () => {
  assert.equal(tagLines(before), 'site=hq\nnote= x ');
  assert.deepEqual(tagChanges(before, 'site=hq\nnote= x '), {});
  assert.deepEqual(tagChanges(before, '\n site = lab \nline=3=4\n'), { site: 'lab', line: '3=4', note: null });
  assert.deepEqual(tagChanges(before, ''), { site: null, note: null });
});

test('a line that is no tag is named, and nothing is lost by it', () => {
  assert.equal(tagChanges(before, 'site: Berlin'), 1);
  assert.equal(tagChanges(before, 'site=hq\n\n=x'), 3);
});
