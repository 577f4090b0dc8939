import { describe, expect, it } from 'vitest'
import {
  everyPlacement,
  MODES,
  type Placement,
  playSchedule,
  type ScheduleReport,
  simulate,
} from '../../src/testing/simulate/index.ts'

/** What to do with a failure: replay it, and read. */
function told({ seed, mode, violation, trace }: ScheduleReport): string {
  return `seed ${seed} (${mode}): ${violation?.invariant} ${violation?.message}\n${trace.slice(-40).join('\n')}`
}

describe('seeded schedules', () => {
  it('break no invariant', { timeout: 120_000 }, async () => {
    const { failure, schedules } = await simulate({ seeds: SEEDS })
    expect(failure === undefined, failure && told(failure)).toBe(true)
    expect(schedules).toBe(SEEDS)
  })

  it('go the same way every time, traced or not', async () => {
    for (const seed of [1, 2, 3, 17, 4711, 2 ** 40 + 5]) {
      const [first, second, untraced] = [
        await playSchedule({ seed, tracing: true }),
        await playSchedule({ seed, tracing: true }),
        await playSchedule({ seed }),
      ]
      expect(second.trace).toEqual(first.trace)
      expect(second.hash).toBe(first.hash)
      expect(untraced.hash).toBe(first.hash)
    }
  })

  it('differ from seed to seed', async () => {
    const hashes = await Promise.all([1, 2, 3, 4, 5].map(async (seed) => (await playSchedule({ seed })).hash))
    expect(new Set(hashes).size).toBe(5)
  })
})

describe('one fault at every place of a small schedule', () => {
  for (const [index, mode] of MODES.entries()) {
    it(`${mode} survives each of them`, { timeout: 120_000 }, async () => {
      let played = 0
      for (let nth = 1; nth <= SMALL_SCENARIOS; nth++) {
        for await (const [placement, report] of everyPlacement(mode, index + MODES.length * nth)) {
          played++
          expect(report.violation === undefined, `${said(placement)}: ${told(report)}`).toBe(true)
        }
      }
      expect(played).toBeGreaterThan(100)
    })
  }
})

function said(placement: Placement | undefined): string {
  return placement === undefined ? 'no fault' : JSON.stringify(placement)
}

const SMALL_SCENARIOS = 3
const SEEDS = Number(process.env.ONLYONCE_SEEDS ?? 3_000)
