// Libraries that install and open here take part; the others are named, with the reason.
import { apart } from '../../apart.mjs'
import { contest } from '../../contest.mjs'
import { whyNotInstalled } from './rivals.mjs'

/**
 * @typedef {object} Entrant
 * @property {string} name
 * @property {string} file Relative to this file.
 * @property {string} open The name of its export, a function that returns a `Side`.
 * @property {readonly unknown[]} args
 *
 * @typedef {{ name: string, why: string }} Absent
 * @typedef {Awaited<ReturnType<typeof measure>> & { name: string }} Row
 */

export const OURS = 'onlyonce'

/** Alternating in one run; ratios are relative to the fastest of the others. @param {readonly Entrant[]} entrants @param {{ sliceMs: number, pids: readonly number[] }} rules */
export async function measure(entrants, rules) {
  /** @type {{ name: string, side: import('../../apart.mjs').Apart }[]} */
  const entered = []
  /** @type {Absent[]} */
  const absent = []
  for (const entrant of entrants) {
    const { name } = entrant
    try {
      entered.push({ name, side: await enter(entrant) })
    } catch (error) {
      if (name === OURS) throw error
      const [why = ''] = String(error instanceof Error ? error.message : error).split('\n')
      console.error(`onlyonce: left out: ${name}: ${why}`)
      absent.push({ name, why })
    }
  }
  const sides = entered.map(({ name, side }) => ({ ...side, what: `${name}: ${side.what}` }))
  const measured = await contest(sides, { callers: 1, ...rules })
  return { against: bestRival(measured), absent, ...measured }
}

/** @param {Entrant} entrant */
async function enter({ name, file, open, args }) {
  const why = name === OURS ? undefined : await whyNotInstalled()
  if (why !== undefined) throw new Error(why)
  return apart(new URL(file, import.meta.url).href, open, ...args)
}

/** Returns the fastest rival's index, or 0 if there is none. @param {import('../../contest.mjs').Contest} measured */
function bestRival({ sides }) {
  const rate = (/** @type {number} */ index) => sides[index]?.perSecond ?? 0
  const rivals = sides.flatMap(({ what }, index) => (what.startsWith(OURS) ? [] : [index]))
  return rivals.reduce((best, one) => (rate(one) > rate(best) ? one : best), rivals[0] ?? 0)
}
