// What `npm run bench:stores`, `:vs`, `:http` and `:messaging` share: selecting, measuring, printing and saving.
import { readFileSync, writeFileSync } from 'node:fs'
import { integerOf, readArguments, refuseArguments, secondsOf } from '../scripts/lib/arguments.mjs'
import { machine } from './machine.mjs'
import { openServers } from './servers.mjs'
import { intoPage } from './table.mjs'

/**
 * @typedef {object} Context
 * @property {import('./servers.mjs').Servers} servers
 * @property {number} sliceMs
 * @property {readonly number[]} sizes How many records a table grows to.
 * @property {number} sweep How many expired records are swept; 0: none.
 * @property {number} keys How many keys memory is measured over.
 *
 * @typedef {object} Case
 * @property {string} name
 * @property {() => Promise<object | undefined>} measure `undefined`: not applicable here.
 *
 * @typedef {object} Section
 * @property {string} name For `--only`, and the marker in the page.
 * @property {(context: Context) => Case[] | Promise<Case[]>} cases
 * @property {(rows: any[]) => string} table In markdown.
 */

/** @param {readonly Section[]} sections @param {URL} page @param {(servers: import('./servers.mjs').Servers) => Promise<Record<string, string | undefined>>} versions */
export async function runSections(sections, page, versions) {
  const { values } = readArguments({
    options: {
      only: { type: 'string' },
      seconds: { type: 'string', default: '0.4' },
      json: { type: 'string' },
      write: { type: 'boolean', default: false },
      sizes: { type: 'string', default: '10000,1000000' },
      sweep: { type: 'string', default: '0' },
      keys: { type: 'string', default: '200000' },
    },
  })
  const numbers = {
    sliceMs: secondsOf('seconds', values.seconds) * 1000,
    sizes: values.sizes.split(',').map((size) => integerOf('sizes', size)),
    sweep: integerOf('sweep', values.sweep, 0),
    keys: integerOf('keys', values.keys),
  }
  const servers = openServers()
  const context = { servers, ...numbers }
  /** @type {Record<string, object[]>} */
  const measured = {}
  /** @type {Set<string>} Sections of which some cases were left out: a part must not replace the whole in the page. */
  const partly = new Set()
  const chosen = []
  for (const section of sections) {
    for (const { name, measure } of await section.cases(context)) {
      const full = `${section.name}: ${name}`
      if (full.includes(values.only ?? '')) chosen.push({ section: section.name, name, full, measure })
      else partly.add(section.name)
    }
  }
  if (chosen.length === 0) {
    const names = sections.map(({ name }) => `'${name}: '`).join(', ')
    refuseArguments(`--only ${values.only} is in no name of a case; the sections are ${names}`)
  }
  try {
    for (const { section, name, full, measure } of chosen) {
      process.stderr.write(`${full} …\n`)
      const row = await measure()
      if (row === undefined) continue
      measured[section] ??= []
      measured[section].push({ name, ...row })
    }
    const report = { ...machine(), versions: await versions(servers), sliceMs: context.sliceMs, sections: measured }
    const tables = sections
      .filter(({ name }) => measured[name] !== undefined)
      .map(({ name, table }) => ({ name, text: `${heading(report)}\n\n${table(measured[name] ?? [])}` }))
    for (const { name, text } of tables) console.log(`\n${name}\n\n${text}`)
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)
    if (values.write)
      for (const { name, text } of tables) partly.has(name) ? tellPart(name) : writeInto(page, text, name)
  } finally {
    await servers.close()
  }
}

/** @param {string} name */
function tellPart(name) {
  console.error(`onlyonce: ${name} was measured in part only, so its table stays as it is: use --only '${name}: '`)
}

/** @param {URL} page @param {string} text @param {string} name */
function writeInto(page, text, name) {
  writeFileSync(page, intoPage(readFileSync(page, 'utf8'), text, `bench:${name}`))
}

/** @param {ReturnType<typeof machine> & { versions: Record<string, string | undefined> }} report */
function heading({ date, cpu, memoryGiB, node, versions }) {
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const beside = named.length === 0 ? '' : `; ${named.join(', ')}`
  return `Measured ${date} on ${cpu}, ${memoryGiB} GiB, Node ${node}${beside}.`
}
