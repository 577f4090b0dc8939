import { once as event } from 'node:events'
import { connect } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { counting, proxyTo, sleep } from './proxy-kit.ts'

it('a connection that was opened ahead and has sent nothing does not hold a shutdown up', async () => {
  const upstream = await counting()
  const proxy = await proxyTo(upstream.url)
  const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  await event(socket, 'connect')
  // Until the proxy has accepted it.
  await sleep(50)
  const closed = event(socket.resume(), 'close')
  expect(await proxy.close(2_000)).toBe(true)
  await closed
})
