// SPDX-License-Identifier: Apache-2.0
//
// memo: a part that is drawn again only when what it was given is another.

import { Component, type ComponentType } from 'preact';

export function memo<P extends object>(Part: ComponentType<P>): ComponentType<P> {
  return class Memo extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const before = this.props as Record<string, unknown>;
      const after = next as Record<string, unknown>;
      return Object.keys(after).some(k => after[k] !== before[k]);
    }
    override render(props: P) {
      return <Part {...props} />;
    }
  };
}
