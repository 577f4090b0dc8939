import { describe, expect, it, vi } from 'vitest'
import { createFlights, type Flight } from './flights.ts'
import { resolveKey } from './key.ts'

const named = resolveKey('a', 'test', 255)
const end = { kind: 'failed', error: 'e' } as const

describe('a flight', () => {
  it('calls back everybody who waits for its end, and whoever comes later at once', () => {
    const flights = createFlights()
    const leading = flights.begin(named)
    const flight = flights.get(named.id) as Flight
    const [first, second, late] = [vi.fn(), vi.fn(), vi.fn()]
    flight.whenOver(first)
    flight.whenOver(second)
    leading.landed(end)
    expect([first.mock.calls, second.mock.calls]).toEqual([[[end]], [[end]]])
    expect(flights.get(named.id)).toBeUndefined()
    flight.whenOver(late)()
    expect(late.mock.calls).toEqual([[end]])
  })

  it('keeps nothing of whoever has waited long enough', () => {
    const flights = createFlights()
    const leading = flights.begin(named)
    const gone = vi.fn()
    flights.get(named.id)?.whenOver(gone)()
    leading.landed(end)
    expect(gone).not.toHaveBeenCalled()
  })
})
