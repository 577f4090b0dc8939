import { expect, it } from 'vitest'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import { watch } from './silence.ts'

function setup() {
  const runtime = fakeRuntime()
  const told = { excused: false, silent: 0 }
  const watching = watch(runtime, 100, {
    excused: () => told.excused,
    silent: () => {
      told.silent++
    },
  })
  return { runtime, told, ...watching }
}

it('tells once when nothing was heard for long enough', async () => {
  const { runtime, told, heard } = setup()
  await runtime.advance(90)
  heard()
  await runtime.advance(99)
  expect(told.silent).toBe(0)
  await runtime.advance(2)
  expect(told.silent).toBe(1)
  await runtime.advance(1_000)
  expect(told.silent).toBe(1)
})

it('begins again while there is an excuse, and tells nothing after it was stopped', async () => {
  const { runtime, told, stop } = setup()
  told.excused = true
  await runtime.advance(1_000)
  told.excused = false
  expect(told.silent).toBe(0)
  await runtime.advance(101)
  expect(told.silent).toBe(1)
  const other = setup()
  other.stop()
  await other.runtime.advance(1_000)
  expect(other.told.silent).toBe(0)
  stop()
})
