/** Inline and hashed in the content security policy: a page loads nothing. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1c2024; --dim: #60646c; --line: #d9d9e0; --ground: #fcfcfd; --card: #fff;
  --accent: #0d74ce; --ok: #218358; --note: #00749e; --warn: #ab6400; --bad: #ce2c31 }
@media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --dim: #b0b4ba; --line: #363a3f; --ground: #111113; --card: #18191b;
  --accent: #70b8ff; --ok: #3dd68c; --note: #4ccce6; --warn: #ffca16; --bad: #ff9592 } }
* { box-sizing: border-box }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground) }
a { color: var(--accent); text-decoration: none } a:hover { text-decoration: underline }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; align-items: baseline; padding: .8rem 1.5rem; border-bottom: 1px solid var(--line) }
header b { font-size: 1.1rem; letter-spacing: -.02em } header .place { color: var(--dim) } header .mode { margin-left: auto; color: var(--dim) }
nav a { margin-right: 1rem } nav a[aria-current] { color: var(--ink); font-weight: 600 }
main { max-width: 75rem; margin: 0 auto; padding: 1.5rem }
h1 { font-size: 1.3rem; margin: 0 0 1rem; overflow-wrap: anywhere }
h2 { font-size: 1rem; margin: 1.8rem 0 .6rem }
.scroll { overflow-x: auto } .scroll td:not(.number) { min-width: 6rem }
table { border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--line); border-radius: 6px }
th, td { text-align: left; padding: .45rem .8rem; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere }
tr:last-child > * { border-bottom: 0 } thead th { color: var(--dim); font-weight: 500; font-size: .85rem; white-space: nowrap }
tbody th { width: 10rem; color: var(--dim); font-weight: 500 } .number { text-align: right; white-space: nowrap }
code, pre, .id { font: .87em ui-monospace, monospace } pre { white-space: pre-wrap; margin: 0; overflow-wrap: anywhere }
.state { display: inline-block; padding: 0 .55em; border-radius: 1em; border: 1px solid currentColor; font-size: .85rem; white-space: nowrap }
.idle { color: var(--dim) } .running, .note { color: var(--note) } .done, .ok { color: var(--ok) } .abandoned { color: var(--warn) } .unknown, .failed { color: var(--bad) }
form.filter { display: flex; flex-wrap: wrap; gap: .6rem; align-items: end; margin-bottom: 1rem }
label { display: grid; align-content: end; color: var(--dim); font-size: .85rem }
input, select, textarea, button { font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .35rem .6rem }
textarea { width: 100%; font: .87em ui-monospace, monospace }
button { cursor: pointer; border-color: var(--accent); color: var(--accent) } button.risky { border-color: var(--bad); color: var(--bad) }
details { background: var(--card); border: 1px solid var(--line); border-radius: 6px; margin-bottom: .6rem } summary { cursor: pointer; padding: .6rem .8rem; font-weight: 500 }
details form { display: grid; gap: .7rem; padding: 0 .8rem .8rem; justify-items: start } details p { margin: 0 }
.told { border-left: 4px solid var(--ok); padding: .5rem .8rem; background: var(--card); margin: 0 0 1rem } .told.bad { border-color: var(--bad) }
.dim { color: var(--dim) } .more { margin-top: 1rem }
`
