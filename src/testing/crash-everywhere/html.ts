import type { CrashPoint } from './process.ts'
import type { CrashFinding, CrashReportData } from './report.ts'
import { counted } from './text.ts'

/** Renders the report as one self-contained page. Everything that came from the handler is escaped. */
export function htmlReport(report: CrashReportData): string {
  const { name, ok, points, trials, leftOut, volatile, findings } = report
  const title = `crashEverywhere: ${name}`
  const notes = [
    ...(findings.some(({ differences }) => differences.length > 0)
      ? ['Where states differ, <code class="less">-</code> is a clean run, and <code class="more">+</code> the trial.']
      : []),
    ...(leftOut > 0 ? [`${counted(leftOut, 'trial')} left out: raise <code>maxTrials</code>.`] : []),
    ...(volatile.length > 0
      ? [`Not compared, because two clean runs differ: <code>${volatile.map(escaped).join('</code>, <code>')}</code>.`]
      : []),
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(name)}</h1>
<p class="verdict ${ok ? 'good' : 'bad'}">${ok ? 'No trial ended differently from a clean run' : counted(findings.length, 'finding')}</p>
<p>${counted(trials, 'trial')} over ${counted(points.length, 'call')}. ${notes.join(' ')}</p>
${findings.map(findingHtml).join('\n')}
<h2>Calls of a clean run</h2>
<ol class="calls">
${points.map((point) => callHtml(point, findings)).join('\n')}
</ol>
</main>
</body>
</html>
`
}

function findingHtml({ trial, what, after, before, differences, times }: CrashFinding): string {
  const places = [placeHtml('after', after), placeHtml('before', before)].join('')
  const often = times > 1 ? ` <small>in ${times} trials</small>` : ''
  return `<section>
<h2><span class="tag">${escaped(trial)}</span> ${withCode(what)}${often}</h2>
${places === '' ? '' : `<table>${places}</table>`}
${differences.length === 0 ? '' : `<pre>${differences.map(differenceHtml).join('\n')}</pre>`}
</section>`
}

function placeHtml(word: string, point: CrashPoint | undefined): string {
  if (point === undefined) return ''
  const { call, site } = point
  const where = site === undefined ? '' : `${escaped(site.file)}:${site.line}`
  const source = site === undefined || site.source === '' ? '' : `<code>${escaped(site.source)}</code>`
  return `<tr><th>${word}</th><td class="where">${where}</td><td>${source}<div class="call">${escaped(call)}</div></td></tr>`
}

function differenceHtml(line: string): string {
  const kind = line.startsWith('+ ') ? 'more' : line.startsWith('- ') ? 'less' : 'head'
  return `<span class="${kind}">${escaped(line)}</span>`
}

/** Marks a call if a finding lies directly before or after it. */
function callHtml({ call, site }: CrashPoint, findings: readonly CrashFinding[]): string {
  const same = (point: CrashPoint | undefined) => point?.call === call && point.site?.line === site?.line
  const marked = findings.some(({ after, before }) => same(after) || same(before))
  const where = site === undefined ? '' : ` <span class="where">${escaped(site.file)}:${site.line}</span>`
  return `<li${marked ? ' class="marked"' : ''}><code>${escaped(call)}</code>${where}</li>`
}

function withCode(text: string): string {
  return escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>')
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6675; --paper: #fff; --card: #f5f6f8; --line: #d9dde3;
  --bad: #b3261e; --good: #1b6e3c; --more: #9a3412; --less: #1d4ed8 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa5b4; --paper: #14181f; --card: #1c222c;
  --line: #323a47; --bad: #ff8a80; --good: #7ddba0; --more: #fdba74; --less: #93c5fd } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; overflow-wrap: anywhere }
h2 { font-size: 1.05rem; margin: 0 0 .6rem; font-weight: 600 }
main > h2 { margin-top: 2rem }
.verdict { font-weight: 600; margin: 0 }
.bad { color: var(--bad) } .good { color: var(--good) }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 1rem; margin: 1rem 0 }
.tag { font-size: .8rem; border: 1px solid var(--bad); color: var(--bad); border-radius: 4px; padding: 0 .4rem }
small, .where, .call { color: var(--soft) }
code, pre, .where, .call { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0 }
th { font-weight: 600; width: 4rem } td.where { width: 16rem }
pre { margin: .8rem 0 0; padding: .6rem; background: var(--paper); border: 1px solid var(--line); border-radius: 6px;
  white-space: pre-wrap }
.more { color: var(--more) } .less { color: var(--less) } .head { font-weight: 600 }
.calls li { margin: .15rem 0 } .marked { border-left: 3px solid var(--bad); padding-left: .5rem }
`
