// SPDX-License-Identifier: Apache-2.0
//
// sheet: rules that only one page needs, so that no other page loads them.
//
//   style/telemetry.page.css --esbuild, as text--> chunk of the page --wear--> the document

export function wear(css: string): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
