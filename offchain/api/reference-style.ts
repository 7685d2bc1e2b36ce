import { hash } from "node:crypto";
import { Html } from "./html.ts";

const style = `
:root { color-scheme: light dark; --ink: light-dark(#1b1f24, #e4e7eb); --soft: light-dark(#57606a, #9aa4af);
  --line: light-dark(#d5dae0, #343b44); --paper: light-dark(#fff, #14171b); --tint: light-dark(#f3f5f7, #1d2228);
  --link: light-dark(#0b57b0, #7ab7ff); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1, h2, h3, h4 { line-height: 1.25; margin: 1.5em 0 .5em; }
h4 { font-size: .95rem; color: var(--soft); }
a { color: var(--link); }
nav ul { list-style: none; margin: 0; padding: 0; columns: 20rem; }
nav h2 { font-size: 1rem; margin: 1em 0 .25em; }
nav a { text-decoration: none; }
nav b, h3 b { font-size: .8em; color: var(--soft); }
section { border-top: 1px solid var(--line); margin-top: 2rem; }
article { border-top: 1px solid var(--line); margin-top: 2rem; scroll-margin-top: 1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { background: var(--tint); padding: .75rem; overflow-x: auto; border-radius: .25rem; }
dl { margin: 0; }
dt { margin-top: .5rem; }
dd { margin: 0 0 0 1.25rem; }
small { color: var(--soft); }
:target { background: var(--tint); }
`;

/** The style of the reference page. */
export const referenceStyle = new Html(style);

/** What the reference page may load: its own style, and nothing else. */
export const referencePolicy = [
  "default-src 'none'",
  `style-src 'sha256-${hash("sha256", style, "base64")}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
