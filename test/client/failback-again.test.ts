import { afterEach, expect, it, onTestFinished } from 'vitest'
import { type ClientEvent, idempotentFetch } from '../../src/client/index.ts'
import { closeServers, FAST, serve } from './server.ts'

afterEach(closeServers)

const POST = { method: 'POST', body: 'pay 42', headers: { authorization: 'old' } }

function client(by = fetch) {
  const events: ClientEvent[] = []
  const onEvent = (event: ClientEvent) => events.push(event)
  const send = idempotentFetch(by, { policy: 'failback', ...FAST, key: () => 'order-1100', onEvent })
  onTestFinished(() => send.close())
  const until = (type: string) => expect.poll(() => events.map((event) => event.type)).toContain(type)
  return { send, events, until }
}

it('sends a call that was made again while it waited with its new headers', async () => {
  let up = false
  const server = await serve((response, { headers }) =>
    response.writeHead(!up ? 503 : headers.authorization === 'new' ? 200 : 401).end(),
  )
  const { send, events, until } = client()
  for (const authorization of ['old', 'new']) await send(server.origin, { ...POST, headers: { authorization } })
  expect(send.waiting).toBe(1)
  up = true
  await until('delivered')
  expect(server.seen.at(-1)?.headers.authorization).toBe('new')
  expect(events.filter(({ type }) => type === 'dropped')).toEqual([])
})

it('does not give up a call for an answer to what was sent before it was made again', async () => {
  let refuse = () => {}
  const answers = [503, 0, 503, 200]
  const by = async () => {
    const status = answers.shift() ?? 500
    if (status === 0) await new Promise<void>((resolve) => (refuse = resolve))
    return new Response(null, { status: status === 0 ? 401 : status })
  }
  const { send, until } = client(by)
  await send('http://a.example/', POST)
  await expect.poll(() => answers).toHaveLength(2)
  await send('http://a.example/', { ...POST, headers: { authorization: 'new' } })
  refuse()
  await until('delivered')
  expect(answers).toEqual([])
})
