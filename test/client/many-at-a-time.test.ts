import { expect, it, onTestFinished } from 'vitest'
import { idempotentFetch } from '../../src/client/index.ts'

const MANY = Array.from({ length: 20 }, (_, n) => ({ method: 'POST', body: String(n) }))

function warnings(): string[] {
  const warned: string[] = []
  const hear = ({ name }: Error) => void warned.push(name)
  process.on('warning', hear)
  onTestFinished(() => void process.off('warning', hear))
  return warned
}

/** Warnings are emitted in a later turn. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

it('many calls that wait to be sent again are no leak', async () => {
  const warned = warnings()
  const down = async () => new Response(null, { status: 503 })
  const send = idempotentFetch(down, { policy: 'failback', backoffMs: 60_000, maxBackoffMs: 60_000 })
  for (const call of MANY) await send('http://a.example', call)
  await turn()
  expect([send.waiting, warned]).toEqual([MANY.length, []])
  await send.close()
})

it('nor are many calls at a time that end with one signal', async () => {
  const warned = warnings()
  const stop = new AbortController()
  const answers: (() => void)[] = []
  const slow = () => new Promise<Response>((resolve) => answers.push(() => resolve(new Response('ok'))))
  const send = idempotentFetch(slow)
  const calls = MANY.map((call) => send('http://a.example', { ...call, signal: stop.signal }))
  await expect.poll(() => answers.length).toBe(MANY.length)
  await turn()
  expect(warned).toEqual([])
  for (const answer of answers) answer()
  await Promise.all(calls)
})
