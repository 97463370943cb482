// SPDX-License-Identifier: Apache-2.0

declare module '*.page.css' {
  const text: string;
  export default text;
}
