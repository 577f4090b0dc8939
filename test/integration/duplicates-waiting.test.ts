import { expect, it, vi } from 'vitest'
import { createFlights, type Flight } from '../../src/core/flights.ts'
import { resolveKey } from '../../src/core/key.ts'
import { onlyonce } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { gate } from '../engine-kit.ts'

const MANY = 100_000

it('duplicates that have waited long enough leave nothing behind in the flight of their leader', async () => {
  const flights: Flight = Object.getPrototypeOf(createFlights().begin(resolveKey('any', 'test', 255)))
  const subscribe = flights.whenOver
  // Whoever is still subscribed is called when the flight lands.
  let left = 0
  const counted = vi.spyOn(flights, 'whenOver').mockImplementation(function (this: Flight, call) {
    return subscribe.call(this, (end) => {
      left++
      call(end)
    })
  })
  const once = onlyonce({ store: memoryStore(), scope: 'test', onInFlight: 'wait', waitMs: 100 })
  const { started, effect } = gate<number>()
  const leader = once('a', effect)
  await vi.waitUntil(() => started.length === 1)
  const outcomes = await Promise.all(Array.from({ length: MANY }, () => once.attempt('a', effect)))
  started[0]?.resolve(1)
  await leader
  const kinds = new Set(outcomes.map(({ kind }) => kind))
  expect([kinds, counted.mock.calls.length, left]).toEqual([new Set(['in-flight']), MANY, 0])
})
