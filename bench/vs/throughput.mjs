import { apart } from '../apart.mjs'
import { contest } from '../contest.mjs'
import { contestTable } from '../contest-table.mjs'
import { effect, newKey, oneOf } from '../workload.mjs'
import { contestantsFor, openChecked, settledKeys } from './contestants.mjs'

const CALLERS = [1, 32, 256]
const GOAL = 2

/** All alternate on the same servers; ratios are relative to the best rival on Redis. @type {import('../sections.mjs').Section} */
export const throughput = {
  name: 'vs',
  table: (rows) => `${contestTable(rows)}\n\n${rows.flatMap(headline).join('\n')}`.trimEnd(),
  cases: ({ servers, sliceMs }) =>
    /** @type {const} */ (['first', 'duplicate']).flatMap((what) =>
      CALLERS.map((callers) => ({
        name: `${what === 'first' ? 'first execution' : 'duplicate'}, ${callers} callers`,
        async measure() {
          const [redis, postgres] = [await servers.get('redis'), await servers.get('postgres')]
          const entered = contestantsFor(what)
          const sides = []
          for (const one of entered) {
            const { url } = one.on === 'redis' ? redis : postgres
            sides.push(await apart(import.meta.url, 'enter', one.name, what, url))
          }
          const pids = [...redis.pids, ...postgres.pids]
          const measured = await contest(sides, { callers, sliceMs, pids })
          const goal = what === 'first' && callers === 256 ? { goal: GOAL, goalOf: 0 } : {}
          return { against: bestRival(entered, measured), ...goal, ...measured }
        },
      })),
    ),
}

/** Called in a separate process. @param {string} name @param {'first' | 'duplicate'} what @param {string} url */
export async function enter(name, what, url) {
  const one = contestantsFor(what).find((contestant) => contestant.name === name)
  if (one === undefined) throw new Error(`nobody is called ${name}`)
  const entry = await openChecked(one, url)
  return { what: name, run: await runOf(entry, what), close: entry.close }
}

/** @param {import('./contestant.mjs').Entry} entry @param {'first' | 'duplicate'} what @returns {Promise<(n: number) => unknown>} */
async function runOf(entry, what) {
  if (what === 'first') return () => entry.call(newKey(), effect)
  const keys = await settledKeys(entry)
  return (n) => entry.call(oneOf(keys, n), effect)
}

/** A rival that caches in its own process is not comparable. @param {readonly import('./contestant.mjs').Contestant[]} entered @param {import('../contest.mjs').Contest} measured */
function bestRival(entered, { sides }) {
  const rate = (/** @type {number} */ index) => sides[index]?.perSecond ?? 0
  const rivals = entered.flatMap(({ ours, on, only }, index) => (ours || on !== 'redis' || only ? [] : [index]))
  return rivals.reduce((best, one) => (rate(one) > rate(best) ? one : best))
}

/** The most surprising result, in one line. @param {any} row */
function headline({ callers, name, sides, against }) {
  const durable = sides.find((/** @type {{ what: string }} */ { what }) => what.startsWith('onlyonce on PostgreSQL'))
  if (callers !== 256 || !name.startsWith('first')) return []
  const times = (durable.perSecond / sides[against].perSecond).toFixed(2)
  return [
    `onlyonce on durable PostgreSQL against the best rival on Redis, 256 callers: **${times}×** of ${sides[against].what}.`,
  ]
}
