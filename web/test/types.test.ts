// SPDX-License-Identifier: Apache-2.0

import { execFileSync } from 'node:child_process';
import test from 'node:test';

declare const WEB_DIR: string;

test('the client is typed from the present API description', () => {
  execFileSync(process.execPath, [WEB_DIR + '/tools/types.mjs', '--check'], { stdio: 'pipe', timeout: 30_000 });
});
