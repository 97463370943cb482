// SPDX-License-Identifier: Apache-2.0
//
// again: what a page asks the server for, and again while somebody looks.
//
//   key --ask--> value | error --every ms--> ask …      another key: the old answer is forgotten

import { useEffect, useState } from 'preact/hooks';

export interface Asked<T> {
  value: T | null;
  error: unknown;
  retry: () => void;
}

// every: null for once.
export function useAgain<T>(key: string, every: number | null, ask: (signal: AbortSignal) => Promise<T>): Asked<T> {
  const [state, setState] = useState<{ key: string; value: T | null; error: unknown }>({ key: '', value: null, error: null });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    let timer: number | undefined;
    const go = async () => {
      if (!document.hidden) {
        try {
          const value = await ask(stop.signal);
          setState({ key, value, error: null });
        } catch (error) {
          if (stop.signal.aborted) return;
          setState(was => ({ key, value: was.key === key ? was.value : null, error }));
        }
      }
      if (every !== null && !stop.signal.aborted) timer = window.setTimeout(() => void go(), every);
    };
    void go();
    return () => {
      stop.abort();
      window.clearTimeout(timer);
    };
  }, [key, every, round]);
  return { value: state.key === key ? state.value : null, error: state.error, retry: () => setRound(n => n + 1) };
}
