// SPDX-License-Identifier: Apache-2.0
//
// cutter: a cable between browser and server that the test can cut and mend.
//
//   browser --127.0.0.1:any--> cutter --> server

import { connect, createServer } from 'node:net';

export async function cutter(url) {
  const to = new URL(url);
  const open = new Set();
  const server = createServer(near => {
    const far = connect(Number(to.port || 443), to.hostname === 'localhost' ? '127.0.0.1' : to.hostname);
    for (const [a, b] of [[near, far], [far, near]]) {
      open.add(a);
      a.pipe(b);
      a.on('error', () => b.destroy());
      a.on('close', () => {
        open.delete(a);
        b.destroy();
      });
    }
  });
  const listen = port => new Promise((done, failed) => server.once('error', failed).listen(port, '127.0.0.1', done));
  await listen(0);
  const { port } = server.address();
  return {
    url: `${to.protocol}//localhost:${port}`,
    async cut() {
      const closed = new Promise(done => server.close(done));
      for (const s of open) s.destroy();
      await closed;
    },
    mend: () => listen(port),
    end() {
      for (const s of open) s.destroy();
      server.close();
    },
  };
}
