// SPDX-License-Identifier: Apache-2.0
//
// harness: named steps in order, one line each, counted at the end.

let number = 0;
const count = { passed: 0, failed: 0, skipped: 0 };

class Skip extends Error {}
export const skip = why => {
  throw new Skip(why);
};

export function check(holds, text) {
  if (!holds) throw new Error(text);
}

/** What the page comes to show within half a minute: asked for until it holds, as nothing says when. */
export async function until(holds, text) {
  for (const end = Date.now() + 30_000; !(await holds()); ) {
    if (Date.now() > end) throw new Error(typeof text === 'function' ? await text() : text);
    await new Promise(done => setTimeout(done, 50));
  }
}

export async function step(name, run, seconds = 180) {
  number++;
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`took longer than ${seconds} s`)), seconds * 1000);
  });
  try {
    await Promise.race([run(), late]);
    count.passed++;
    console.log(`ok ${number} - ${name}`);
  } catch (e) {
    if (e instanceof Skip) {
      count.skipped++;
      console.log(`ok ${number} - ${name} # SKIP ${e.message}`);
    } else {
      count.failed++;
      console.log(`not ok ${number} - ${name}`);
      console.log(String(e.message).split('\n').slice(0, 20).map(l => '  ' + l).join('\n'));
    }
  } finally {
    clearTimeout(timer);
  }
}

export function finish() {
  console.log(`1..${number}`);
  console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  return count.failed === 0 && count.passed > 0;
}
