// SPDX-License-Identifier: Apache-2.0
//
// socket: stands for browser and server of the live client: the test says what comes.

interface Sent {
  type: string;
  topic?: string;
  ids?: string[];
  ticket?: string;
}

export class Socket {
  static OPEN = 1;
  static all: Socket[] = [];
  readyState = 1;
  sent: Sent[] = [];
  onopen = () => {};
  onclose = () => {};
  onmessage: (e: { data: string }) => void = () => {};
  constructor(readonly url: string) {
    Socket.all.push(this);
  }
  static get last() {
    return Socket.all[Socket.all.length - 1]!;
  }
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
  }
  says(message: object) {
    this.onmessage({ data: JSON.stringify(message) });
  }
}

export const listeners: Record<string, () => void> = {};
export const page = { hidden: false, addEventListener: (name: string, run: () => void) => (listeners[name] = run) };
export const settle = (ms = 5) => new Promise(done => setTimeout(done, ms));

// Before the modules that want them are loaded. `rest` answers all but the ticket.
export function install(rest: (url: string) => Response = () => new Response('{}')): void {
  const ticket = () => new Response(JSON.stringify({ ticket: 't', expiresIn: 30 }));
  Object.assign(globalThis, {
    document: page,
    window: { location: { protocol: 'https:', host: 'h', pathname: '/', search: '' }, addEventListener: () => {} },
    WebSocket: Socket,
    fetch: async (url: string) => (url.endsWith('/live-tickets') ? ticket() : rest(url)),
  });
}
