import { beforeAll, describe, expect, it } from 'vitest'
import { launch } from '../../services/launch.mjs'
import { requireBuild } from '../built.ts'
import { bundled } from '../support/bundle.ts'
import { describeWith } from '../support/services.ts'
import type { Sabotage, StoreName } from './plan.ts'
import { complaints } from './report.ts'
import { chaos } from './run.ts'

const SECONDS = 6
/** The faults, and as long again for everything to settle on a machine that is busy. */
const LIMIT_MS = 120_000

let worker = ''
beforeAll(async () => {
  requireBuild()
  worker = await bundled('test/chaos/worker.ts')
})

const play = (store: StoreName, seed: number, sabotage?: Sabotage) =>
  chaos({ store, seconds: SECONDS, seed, worker, launch, sabotage })

function survives(store: StoreName): void {
  it(`${store} doubles, loses and holds up nothing, whatever is killed`, { timeout: LIMIT_MS }, async () => {
    const report = await play(store, 1)
    expect(complaints({ ...report, unreached: [] })).toEqual([])
    // What the faults lead to is chance in so short a run; that they happened is not.
    expect(Object.entries(report.faults).filter(([, times]) => times === 0)).toEqual([])
    expect(report.counts.keys).toBeGreaterThan(20)
  })
}

describe('sqlite', () => {
  survives('sqlite')

  it('an effect that commits without its record is found out', { timeout: LIMIT_MS }, async () => {
    const { violations } = await play('sqlite', 2, 'split')
    expect(violations.map(({ rule }) => rule)).toContain('double')
  })
})
describeWith('redis-aof', () => survives('redis'))
describeWith('postgres', () => survives('postgres'))
describeWith('mysql', () => survives('mysql'))
