import { expect, it } from 'vitest'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { idempotentCalls } from './idempotent-calls.ts'
import type { RpcRequest } from './shapes.ts'

it('no attempt begins when a pause, such as that of a machine put to sleep, ends after the deadline', async () => {
  const runtime = fakeRuntime()
  let slept = 0
  let asked = 0
  const lost = new TypeError('fetch failed')
  const interceptor = idempotentCalls({
    backoffMs: 1,
    deadlineMs: 1_000,
    runtime: { ...runtime, elapsed: () => runtime.elapsed() + slept },
  })
  const transport = async () => {
    asked++
    throw lost
  }
  const method = { name: 'Place', parent: { typeName: 's.S' }, idempotency: 0 }
  const request = { stream: false, method, header: new Headers(), signal: new AbortController().signal }
  const refused = expect(interceptor(transport)(request as RpcRequest)).rejects.toBe(lost)
  // The library is loaded first.
  while (asked === 0) await new Promise((go) => setImmediate(go))
  slept = 60_000
  await runtime.advance(1)
  await refused
  expect(asked).toBe(1)
})
