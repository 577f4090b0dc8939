import { expect, it } from 'vitest'
import { systemRuntime } from '../../core/runtime.ts'
import { createGate } from './gate.ts'
import type { HeldMessage } from './held.ts'

function held(seq: number, deliveryCount = 1, orderingKey: string | undefined = 'k', isOurs = true): HeldMessage {
  const message = { info: { streamSequence: seq, deliveryCount } }
  return { message, orderingKey, isOurs: () => isOurs } as unknown as HeldMessage
}

function open() {
  let now = 0
  const through: number[] = []
  const gate = createGate({ ...systemRuntime, elapsed: () => now }, ({ message }) => {
    through.push(message.info.streamSequence)
  })
  const at = (ms: number) => {
    now = ms
  }
  return { gate, through, at }
}

it('keeps nothing while nothing is missing', () => {
  const { gate } = open()
  expect(gate.keeps(held(1), 0)).toBe(false)
})

it('lets through in order as soon as all that was missing has come again', () => {
  const { gate, through } = open()
  gate.missing(2, 5, 1_000)
  expect(gate.keeps(held(6), 0)).toBe(true)
  expect(gate.keeps(held(5, 2), 0)).toBe(true)
  expect(through).toEqual([])
  expect(gate.keeps(held(5, 3), 0)).toBe(true)
  expect(through).toEqual([])
  expect(gate.keeps(held(4, 2), 0)).toBe(true)
  expect(through).toEqual([4, 5, 5, 6])
  expect(gate.keeps(held(7), 0)).toBe(false)
})

it('messages without an ordering key pass, and count', () => {
  const { gate, through } = open()
  gate.missing(1, 5, 1_000)
  expect(gate.keeps(held(6), 0)).toBe(true)
  const { orderingKey: _, ...without } = held(5, 2)
  expect(gate.keeps(without, 0)).toBe(false)
  expect(through).toEqual([6])
})

it('opens when the time is over and something new, or nothing, is handed out', () => {
  for (const how of ['new', 'nothing'] as const) {
    const { gate, through, at } = open()
    gate.missing(9, 9, 1_000)
    gate.keeps(held(11), 0)
    gate.keeps(held(10, 1, 'k', false), 0)
    gate.exhausted(0)
    at(1_500)
    expect(gate.keeps(held(2, 2), 1_500)).toBe(true)
    // Asked for before the time was over: it says nothing.
    expect(gate.keeps(held(12), 900)).toBe(true)
    expect(through).toEqual([])
    if (how === 'new') expect(gate.keeps(held(13), 1_500)).toBe(true)
    else gate.exhausted(1_500)
    expect(through).toEqual(how === 'new' ? [2, 11, 12, 13] : [2, 11, 12])
    expect(gate.isClosed).toBe(false)
  }
})

it('one that was lost is waited for by its sequence', () => {
  const { gate, through } = open()
  gate.lost(held(3), 1_000)
  gate.keeps(held(4), 0)
  expect(through).toEqual([])
  gate.keeps(held(3, 2), 0)
  expect(through).toEqual([3, 4])
})
