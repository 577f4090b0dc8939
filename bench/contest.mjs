// Several ways of doing the same work, alternating slice by slice, in one run.
import { startCpu } from './cpu.mjs'
import { runSlice } from './slice.mjs'

const ROUNDS = 7
/** Up to this many rounds are run on a busy machine. */
const MOST_ROUNDS = 3 * ROUNDS
/** A round is discarded if during a slice other processes together used more than this share of one processor. */
export const FOREIGN_SHARE = 0.25
const FEWEST_QUIET = 3
/** Connections are opened and V8 compiles meanwhile: code that runs a thousand times a second needs seconds. */
const SHORTEST_WARM_UP_MS = 4_000

/**
 * @typedef {import('./slice.mjs').Side} Side
 * @typedef {Pick<import('./apart.mjs').Apart, 'what' | 'slice' | 'close'>} Apart
 *
 * @typedef {object} Rules
 * @property {number} callers Number of concurrent calls.
 * @property {number} sliceMs
 * @property {readonly number[]} [pids] Pids of the servers, whose processor time counts as part of the work.
 *
 * @typedef {{ perSecond: number, client: number, servers: number, others: number, operations: number }} Slice times in ms
 * @typedef {Awaited<ReturnType<typeof contest>>} Contest
 */

/** Runs one warm-up slice per side, then rounds of one slice each until enough were quiet. @param {readonly (Side | Apart)[]} sides @param {Rules} rules */
export async function contest(sides, { callers, sliceMs, pids = [] }) {
  /** @type {Slice[][]} */
  const rounds = []
  const isQuiet = (/** @type {Slice[]} */ round) => round.every(({ others }) => others <= sliceMs * FOREIGN_SHARE)
  try {
    for (const side of sides) await slice(side, callers, Math.max(sliceMs, SHORTEST_WARM_UP_MS), pids)
    while (rounds.length < MOST_ROUNDS && rounds.filter(isQuiet).length < ROUNDS) {
      const round = []
      for (const side of sides) round.push(await slice(side, callers, sliceMs, pids))
      rounds.push(round)
    }
  } finally {
    for (const side of sides) await side.close?.()
  }
  const quiet = rounds.filter(isQuiet)
  // If the machine is never quiet, all rounds are used and marked as disturbed.
  const disturbed = quiet.length < FEWEST_QUIET
  const used = disturbed ? rounds : quiet
  return {
    callers,
    rounds: used.length,
    thrown: rounds.length - used.length,
    disturbed,
    sides: sides.map(({ what }, index) =>
      summary(
        what,
        used.map((round) => /** @type {Slice} */ (round[index])),
      ),
    ),
  }
}

/** @param {string} what @param {readonly Slice[]} slices */
function summary(what, slices) {
  const sum = (/** @type {'client' | 'servers' | 'operations'} */ of) => slices.reduce((all, one) => all + one[of], 0)
  const rates = slices.map(({ perSecond }) => perSecond)
  return {
    what,
    perSecond: middle(rates),
    rates,
    clientMicros: (sum('client') * 1000) / sum('operations'),
    serverMicros: (sum('servers') * 1000) / sum('operations'),
  }
}

/** @param {Side | Apart} side @param {number} callers @param {number} sliceMs @param {readonly number[]} pids */
async function slice(side, callers, sliceMs, pids) {
  const stop = startCpu(pids)
  const done = await ('slice' in side ? side.slice(callers, sliceMs) : runSlice(side, callers, sliceMs))
  const { operations, tookMs, clientMs } = done
  return { perSecond: (operations / tookMs) * 1000, operations, client: clientMs, ...stop() }
}

/** Ratios slice by slice. @param {readonly number[]} rates @param {readonly number[]} base */
export function ratioOf(rates, base) {
  const ratios = rates.map((rate, index) => rate / (base[index] ?? Number.NaN))
  return { median: middle(ratios), min: Math.min(...ratios), max: Math.max(...ratios) }
}

/** @param {readonly number[]} values */
export function middle(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
