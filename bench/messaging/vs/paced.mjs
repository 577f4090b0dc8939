// Measures a library that works in the background in slices: it handles a portion per run, rests in between, and must
// have written a row for each message it counts.
import { setTimeout as sleep } from 'node:timers/promises'
import { openPool } from '../../stores/postgres.mjs'

/** Number of messages handled by one run of a side. */
const PORTION = 200
/** How long the last handled message may take to be committed. */
const COMMITTED_MS = 5_000

/**
 * @typedef {object} Supply
 * @property {number} count How many messages are added at once: before, and again when fewer than two portions are left.
 * @property {(count: number) => Promise<unknown>} add
 */

/** @param {Supply} supply */
export function paced({ count, add }) {
  let [supplied, wanted] = [0, 0]
  /** @type {string[]} */
  const handled = []
  let reached = () => {}
  let wake = () => {}
  /** @type {Promise<void> | undefined} */
  let resting
  function rest() {
    resting ??= new Promise((resolve) => {
      wake = () => {
        resting = undefined
        resolve()
      }
    })
  }
  async function refill() {
    while (wanted + 2 * PORTION > supplied) {
      await add(count)
      supplied += count
    }
  }
  rest()
  return {
    per: PORTION,
    refill,
    /** Fetchers and handlers wait here first, because nobody may rest inside a transaction that holds locks. */
    async turn() {
      while (resting !== undefined) await resting
    },
    /** Records that a handler has finished. @param {readonly string[]} ids */
    done(ids) {
      handled.push(...ids)
      if (handled.length < wanted) return
      reached()
      rest()
    },
    async run() {
      wanted += PORTION
      await refill()
      if (handled.length >= wanted) return
      const enough = new Promise((resolve) => {
        reached = () => resolve(undefined)
      })
      wake()
      await enough
    },
    /** Checks that every counted message has its row. @param {string} url */
    async prove(url) {
      const pool = openPool(url)
      const rows = async () =>
        (await pool.query('SELECT count(*)::int AS n FROM effects WHERE id = ANY($1::uuid[])', [handled])).rows[0].n
      const until = Date.now() + COMMITTED_MS
      while ((await rows()) !== handled.length && Date.now() < until) await sleep(20)
      const found = await rows()
      await pool.end()
      if (found !== handled.length) throw new Error(`${found} rows for ${handled.length} messages`)
    },
  }
}
