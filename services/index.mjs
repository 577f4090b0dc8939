// npm run services -- up [KIND…] [--json] | down [KIND…] | status [--json]
import { parseArgs } from 'node:util'
import { withLock } from '../scripts/lib/lock.mjs'
import { KINDS, launch, variableOf } from './launch.mjs'
import { end, living, remember, remembered } from './lib/state.mjs'

/** @typedef {import('./launch.d.mts').Kind} Kind */

const USAGE = `usage: npm run services -- up [KIND…] [--json]     start servers, or show those that run
       npm run services -- down [KIND…]           end what \`up\` started, and remove its data
       npm run services -- status [--json]        what runs
kinds: ${KINDS.join(' ')} (default: all)
A server named by ${variableOf('redis')}, ${variableOf('postgres')} and so on is used as it is, and never ended.`

/** @param {Kind[]} kinds @param {boolean} json */
async function up(kinds, json) {
  /** @type {Record<string, string>} */
  const urls = {}
  for (const kind of kinds) {
    urls[kind] = process.env[variableOf(kind)] || (await ours(kind))
    if (!json) console.log(`${kind} ${urls[kind]}`)
  }
  if (json) console.log(JSON.stringify(urls))
}

/** Returns the URL of the running service, or of a new one. @param {Kind} kind */
async function ours(kind) {
  const known = remembered().find((one) => one.kind === kind)
  if (known !== undefined && living(known).length === known.processes.length) return known.url
  if (known !== undefined) end(known)
  const service = await launch(kind)
  // The launched service ends with this process until it is remembered: nobody else could end it before.
  remember(service)
  await service.keep()
  return service.url
}

/** @param {Kind[]} kinds */
function down(kinds) {
  for (const service of remembered().filter(({ kind }) => kinds.includes(kind))) {
    end(service)
    console.log(`${service.kind} ended`)
  }
}

/** @param {boolean} json */
function status(json) {
  const services = remembered().map((one) => ({ ...one, living: living(one).length }))
  if (json) return console.log(JSON.stringify(services))
  if (services.length === 0) console.log('nothing runs')
  for (const { kind, url, living, processes } of services) {
    const state = living === processes.length ? 'runs' : `${living} of ${processes.length} processes run`
    console.log(`${kind} ${url} ${state}`)
  }
}

function asked() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
    })
  } catch (error) {
    console.error(`onlyonce: ${error instanceof Error ? error.message : error}\n${USAGE}`)
    process.exit(2)
  }
}

async function main() {
  const { values, positionals } = asked()
  const [verb = '', ...named] = positionals
  const unknown = named.find((name) => !KINDS.includes(/** @type {Kind} */ (name)))
  if (values.help) return void console.log(USAGE)
  if (!['up', 'down', 'status'].includes(verb) || unknown !== undefined) {
    console.error(unknown === undefined ? USAGE : `there is no service ${unknown}\n${USAGE}`)
    process.exitCode = 2
    return
  }
  const kinds = named.length > 0 ? /** @type {Kind[]} */ (named) : [...KINDS]
  if (verb === 'status') return status(values.json)
  // Two concurrent calls would start the same kind twice, and forget one of them.
  await withLock('services-up', async () => (verb === 'up' ? up(kinds, values.json) : down(kinds)))
}

await main().catch((error) => {
  console.error(`onlyonce: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
})
