import { contest, ratioOf } from './contest.mjs'

/**
 * @typedef {{ name: string, callers: number, base: () => Promise<Side>, ours: () => Promise<Side> }} Case
 * @typedef {import('./slice.mjs').Side} Side
 */

/** Base and ours alternate, with one warm-up slice each; ratios are taken slice by slice. @param {Case} one @param {number} sliceMs */
export async function compare(one, sliceMs) {
  const { sides, thrown, disturbed } = await contest([await one.base(), await one.ours()], {
    callers: one.callers,
    sliceMs,
  })
  const [base, ours] = /** @type {[typeof sides[0], typeof sides[0]]} */ (sides)
  return {
    base: { what: base.what, perSecond: base.perSecond, cpuMicros: base.clientMicros },
    ours: { what: ours.what, perSecond: ours.perSecond, cpuMicros: ours.clientMicros },
    ratio: ratioOf(ours.rates, base.rates),
    thrown,
    disturbed,
  }
}
