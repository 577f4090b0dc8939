import { expect, it } from 'vitest'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import { sendWith } from './port.ts'

it('a command for which the client keeps its promise open for ever fails', async () => {
  const runtime = fakeRuntime()
  const send = sendWith({ callBuffer: () => new Promise(() => {}), isCluster: false }, runtime)
  const failures: unknown[] = []
  send('paid', ['INFO', 'server']).catch((error) => failures.push(error))
  await runtime.advance(10_000)
  expect(failures).toEqual([new Error('redis did not answer within 10000 ms')])
})
