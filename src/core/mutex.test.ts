import { expect, it } from 'vitest'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { createMutex } from './mutex.ts'

const late = () => new Error('late')

it('lets one in at a time, first come first served', async () => {
  const runtime = fakeRuntime()
  const mutex = createMutex(runtime)
  const order: number[] = []
  const enter = (nth: number) => mutex.acquire(100, late).then((release) => [order.push(nth), release] as const)
  const first = enter(1)
  const others = [enter(2), enter(3)]
  const [, release] = await first
  expect(order).toEqual([1])
  release()
  release()
  const [, releaseSecond] = await (others[0] as typeof first)
  expect(order).toEqual([1, 2])
  releaseSecond()
  ;(await (others[1] as typeof first))[1]()
  ;(await enter(4))[1]()
  expect(order).toEqual([1, 2, 3, 4])
  expect(runtime.pending).toBe(0)
})

it('sends away who waited too long, and the others keep their turn', async () => {
  const runtime = fakeRuntime()
  const mutex = createMutex(runtime)
  const release = await mutex.acquire(10, late)
  const gone = expect(mutex.acquire(10, late)).rejects.toThrow('late')
  const patient = mutex.acquire(50, late)
  await runtime.advance(20)
  await gone
  release()
  ;(await patient)()
  expect(runtime.pending).toBe(0)
  await mutex.acquire(1, late)
})
