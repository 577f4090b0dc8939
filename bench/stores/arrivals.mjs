import { apart } from '../apart.mjs'
import { FOREIGN_SHARE, middle } from '../contest.mjs'
import { DISTURBED } from '../contest-table.mjs'
import { startCpu } from '../cpu.mjs'

const SIDES = new URL('./postgres.mjs', import.meta.url).href

const RATES = [1_000, 5_000, 10_000]
/** Latencies need more time than rates: each run is this many slices long. */
const LONGER = 5
const ROUNDS = 3
const MOST_ROUNDS = 3 * ROUNDS
/** Simulates a slow disk: each commit waits this long before its flush, which serves concurrent commits too. */
const SLOW_DISK = ['-c', 'commit_delay=1000', '-c', 'commit_siblings=0']

/** Claim and complete at a fixed arrival rate, on PostgreSQL. @type {import('../sections.mjs').Section} */
export const arrivals = {
  name: 'arrivals',
  table,
  cases: ({ servers, sliceMs }) =>
    [
      { disk: 'fsync', args: [] },
      { disk: 'fsync + 1 ms', args: SLOW_DISK },
    ].flatMap(({ disk, args }) =>
      RATES.map((perSecond) => ({
        name: `${perSecond} per second, ${disk}`,
        async measure() {
          const { url, pids } = await servers.get('postgres', args)
          return inTurn(
            [await apart(SIDES, 'hand', url), await apart(SIDES, 'leased', url)],
            perSecond,
            sliceMs * LONGER,
            pids,
          )
        },
      })),
    ),
}

/** @param {import('../apart.mjs').Apart[]} sides @param {number} perSecond @param {number} forMs @param {readonly number[]} pids */
async function inTurn(sides, perSecond, forMs, pids) {
  /** @type {Awaited<ReturnType<typeof slice>>[][]} */
  const rounds = []
  const isQuiet = (/** @type {typeof rounds[0]} */ round) => round.every(({ quiet }) => quiet)
  for (const side of sides) await side.openLoop(perSecond, forMs / LONGER)
  while (rounds.length < MOST_ROUNDS && rounds.filter(isQuiet).length < ROUNDS) {
    const round = []
    for (const side of sides) round.push(await slice(side, perSecond, forMs, pids))
    rounds.push(round)
  }
  for (const side of sides) await side.close?.()
  const quiet = rounds.filter(isQuiet)
  const used = quiet.length === 0 ? rounds : quiet
  return {
    rounds: used.length,
    thrown: rounds.length - used.length,
    disturbed: quiet.length === 0,
    sides: sides.map(({ what }, index) => {
      const slices = used.map((round) => /** @type {Awaited<ReturnType<typeof slice>>} */ (round[index]))
      return {
        what,
        // The median over slices, so that a pause of the machine in one slice does not count.
        p50: middle(slices.map(({ p50 }) => p50)),
        p99: middle(slices.map(({ p99 }) => p99)),
        max: Math.max(...slices.map(({ max }) => max)),
        reached: middle(slices.map((one) => one.perSecond)),
        saturated: slices.some((one) => one.saturated),
        failed: slices.reduce((sum, one) => sum + one.failed, 0),
      }
    }),
  }
}

/** @param {import('../apart.mjs').Apart} side @param {number} perSecond @param {number} forMs @param {readonly number[]} pids */
async function slice(side, perSecond, forMs, pids) {
  const stop = startCpu(pids)
  const start = performance.now()
  const loop = await side.openLoop(perSecond, forMs)
  const quiet = stop().others <= (performance.now() - start) * FOREIGN_SHARE
  return { ...loop, quiet }
}

/** @param {readonly (Awaited<ReturnType<typeof inTurn>> & { name: string })[]} rows */
function table(rows) {
  const lines = rows.flatMap(({ name, disturbed, sides }) =>
    sides.map((side, index) => {
      const trouble = [side.saturated ? 'does not keep up' : '', side.failed > 0 ? `${side.failed} failed` : ''].filter(
        Boolean,
      )
      const cells = [
        index === 0 ? `${name}${disturbed ? ' †' : ''}` : '',
        side.what,
        ...[side.p50, side.p99, side.max].map(ms),
      ]
      return `| ${[...cells, side.reached.toFixed(0), trouble.join(', ')].join(' | ')} |`
    }),
  )
  const thrown = rows.reduce((sum, row) => sum + row.thrown, 0)
  return [
    '| arrivals | way | p50 | p99 | longest | answered per second | |',
    '| --- | --- | ---: | ---: | ---: | ---: | --- |',
    ...lines,
    '',
    `${thrown} rounds thrown away.${rows.some(({ disturbed }) => disturbed) ? ` ${DISTURBED}` : ''}`,
  ].join('\n')
}

/** @param {number} value */
const ms = (value) => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`
