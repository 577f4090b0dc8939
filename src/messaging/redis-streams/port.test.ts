import { createClient, createCluster, createSentinel } from 'redis'
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

it.each([
  ['one server', createClient({ keyPrefix: 'mine:' })],
  ['a cluster', createCluster({ rootNodes: [], keyPrefix: 'mine:' })],
  ['sentinels', createSentinel({ name: 'main', sentinelRootNodes: [], keyPrefix: 'mine:' })],
])('refuses a client of node-redis for %s with a keyPrefix, which it does not add', (_, client) => {
  expect(() => sendWith(client as never, fakeRuntime())).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('must not have a keyPrefix') }),
  )
})
