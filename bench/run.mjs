// Measures ratios: two ways of doing the same work, alternating slice by slice, in one run. Never a test.
//   npm run bench [-- --only NAME] [--seconds N] [--json FILE] [--write]
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { readArguments, refuseArguments, secondsOf } from '../scripts/lib/arguments.mjs'
import { memoryCases } from './memory.mjs'
import { pureCases } from './pure.mjs'
import { compare } from './slices.mjs'
import { sqliteCases } from './sqlite.mjs'
import { asTable, intoPage } from './table.mjs'

const { values } = readArguments({
  options: {
    only: { type: 'string' },
    seconds: { type: 'string', default: '0.4' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})

const sliceMs = secondsOf('seconds', values.seconds) * 1000
const home = mkdtempSync(join(tmpdir(), 'onlyonce-bench-'))
const results = []
const all = [...pureCases(), ...memoryCases(), ...sqliteCases(home)]
const isAsked = (/** @type {{ name: string }} */ { name }) => name.includes(values.only ?? '')
if (!all.some(isAsked)) {
  rmSync(home, { recursive: true, force: true })
  refuseArguments(
    `--only ${values.only} is in no name of a case; there are ${all.map(({ name }) => `'${name}'`).join(', ')}`,
  )
}
const isPart = !all.every(isAsked)
try {
  for (const make of all.filter(isAsked)) {
    process.stderr.write(`${make.name} …\n`)
    results.push({ name: make.name, callers: make.callers, ...(await compare(make, sliceMs)) })
  }
} finally {
  rmSync(home, { recursive: true, force: true })
}
const report = {
  date: new Date().toISOString().slice(0, 10),
  node: process.version,
  cpu: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
  results,
}
console.log(asTable(report))
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)
if (values.write && isPart) console.error('onlyonce: only a part was measured, so the table stays as it is')
else if (values.write) {
  const page = new URL('../docs/reference/performance.md', import.meta.url)
  writeFileSync(page, intoPage(readFileSync(page, 'utf8'), asTable(report)))
}
