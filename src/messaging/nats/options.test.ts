import { expect, it } from 'vitest'
import { onlyonce } from '../../index.ts'
import { memoryStore } from '../../stores/memory/index.ts'
import { alreadyPublished, consume, publisher } from '../nats.ts'

const connection = { request: () => {}, flush: () => {}, isClosed: () => false, status: () => {} }
const jetstream = { publish: () => {}, jetstreamManager: () => {}, consumers: {} }
const headers = () => {}
const code = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    return [(error as { code: string }).code, (error as Error).message.replace(/\n.*/s, '')]
  }
  return 'nothing'
}

it('a consumer is refused what it cannot work with', () => {
  const once = onlyonce({ store: memoryStore(), scope: 's' })
  const good = {
    once,
    name: 'n',
    delivers: 'at-least-once',
    handle: () => {},
    connection,
    jetstream,
    headers,
    stream: 'S',
  }
  const wrong: [string, unknown][] = [
    ['connection', undefined],
    ['connection', {}],
    ['jetstream', {}],
    ['headers', undefined],
    ['stream', undefined],
    ['stream', 'a.b'],
    ['durable', 'a b'],
    ['durable', ''],
    ['subject', 'a..b'],
    ['subject', 1],
    ['orderingKey', 'k'],
    ['deadSubject', 'dead.*'],
    ['declare', 'yes'],
    ['concurrency', 0],
    ['prefetch', -1],
    ['pollMs', 5],
    ['concurency', 5],
  ]
  for (const [option, value] of wrong) {
    expect([option, code(() => consume({ ...good, [option]: value } as never))]).toEqual([
      option,
      ['OPTION_INVALID', expect.stringContaining(`\`${option}\``)],
    ])
  }
  // The name of the inbox is that of the durable consumer, unless another one is given.
  expect(code(() => consume({ ...good, name: 'a b' } as never))).toEqual([
    'OPTION_INVALID',
    expect.stringContaining('`durable`'),
  ])
})

it('a publisher and a question are refused what they cannot work with', () => {
  for (const [option, value] of [
    ['jetstream', undefined],
    ['headers', undefined],
    ['subject', 'x'],
    ['timeoutMs', 0],
    ['timeout', 5],
  ] as const) {
    const made = () => publisher({ jetstream, headers, [option]: value } as never)
    expect([option, code(made)]).toEqual([option, ['OPTION_INVALID', expect.stringContaining(`\`${option}\``)]])
  }
  for (const [option, value] of [
    ['jetstream', {}],
    ['stream', ''],
    ['subject', 'x'],
    ['subjcet', () => 's'],
  ] as const) {
    const made = () => alreadyPublished({ jetstream, stream: 'S', subject: () => 's', [option]: value } as never)
    expect([option, code(made)]).toEqual([option, ['OPTION_INVALID', expect.stringContaining(`\`${option}\``)]])
  }
})
