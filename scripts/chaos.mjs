// The kill test: real workers and servers are killed, paused and cut off; then an audit. Exit code 1: something was
// doubled, lost or stuck, or a fault never happened.
//   npm run chaos -- [--store NAME|all] [--seconds 60] [--seed N] [--json] [--write] [--sabotage deaf|split]
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { launch } from '../services/launch.mjs'
import { integerOf, readArguments, refuseArguments } from './lib/arguments.mjs'
import { cacheDir, root } from './lib/paths.mjs'

/** @typedef {typeof import('../test/chaos/index.ts')} Chaos */

const { values } = readArguments({
  options: {
    store: { type: 'string', default: 'all' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    sabotage: { type: 'string' },
  },
})
const MARKERS = ['<!-- chaos -->', '<!-- /chaos -->']

/** Bundles the tests' TypeScript code, which this version of Node cannot run. @param {string} folder @returns {Promise<Chaos>} */
async function load(folder) {
  const outfile = join(folder, 'supervisor.mjs')
  const entryPoints = [join(root, 'test/chaos/index.ts')]
  await build({ entryPoints, bundle: true, packages: 'external', platform: 'node', format: 'esm', outfile })
  return await import(pathToFileURL(outfile).href)
}

/** @template {string} T @param {string} name @param {string} given @param {readonly T[]} known @returns {T} */
function oneOf(name, given, known) {
  const found = known.find((one) => one === given)
  return found ?? refuseArguments(`--${name} must be one of ${known.join(', ')}; got ${given}`)
}

/** @param {string} table @param {number} seconds */
function writePage(table, seconds) {
  const page = join(root, 'docs/reference/kill-test.md')
  const text = readFileSync(page, 'utf8')
  const [before, after] = [text.split(MARKERS[0] ?? '')[0], text.split(MARKERS[1] ?? '')[1]]
  if (after === undefined) throw new Error(`${page} has no ${MARKERS.join(' … ')} markers`)
  const date = new Date().toISOString().slice(0, 10)
  const how = `Made on ${date} by \`npm run chaos -- --store all --seconds ${seconds} --write\`, Node ${process.version}.`
  writeFileSync(page, `${before}${MARKERS[0]}\n${how}\n\n${table}\n${MARKERS[1]}${after}`)
}

async function main() {
  mkdirSync(cacheDir, { recursive: true })
  const folder = mkdtempSync(join(cacheDir, 'chaos-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const seconds = integerOf('seconds', values.seconds)
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) + 1 : integerOf('seed', values.seed)
  const { asTable, bundled, chaos, complaints, isGood, SABOTAGES, STORES } = await load(folder)
  const stores = values.store === 'all' ? STORES : [oneOf('store', values.store, STORES)]
  const sabotage = values.sabotage === undefined ? undefined : oneOf('sabotage', values.sabotage, SABOTAGES)
  const worker = await bundled(join(root, 'test/chaos/worker.ts'), folder)
  const reports = []
  for (const store of stores) {
    console.error(`${store}: ${seconds} s of faults, seed ${seed} …`)
    const report = await chaos({ store, seconds, seed, worker, launch, sabotage })
    reports.push(report)
    for (const line of complaints(report)) console.error(line)
  }
  const table = asTable(reports)
  const good = reports.filter(isGood).length
  console.log(values.json ? JSON.stringify({ ok: good === reports.length, reports }) : table)
  if (values.write) writePage(table, seconds)
  if (!values.json) console.log(`${good} passed, ${reports.length - good} failed`)
  return good === reports.length ? 0 : 1
}

/** @param {unknown} error */
function failed(error) {
  console.error(`chaos: ${error instanceof Error ? error.message : error}`)
  return 1
}

const code = await main().catch(failed)
// Explicitly: after connections were reset during writes, Node may wait for them for ever at exit.
process.stdout.write('', () => process.exit(code))
