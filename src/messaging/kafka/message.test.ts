import { expect, it } from 'vitest'
import { deliveryOf, idOf } from './message.ts'

const record = (headers: Record<string, Buffer>) => ({ key: null, value: null, timestamp: '-1', offset: '0', headers })

it.each(['a', '\u{FEFF}a', 'ä', 'a\u0301', ' a ', '😀'])('takes id %j as it was published', (id) => {
  expect(idOf(record({ 'onlyonce-id': Buffer.from(id) }))).toBe(id)
})

it('a header is told as it was published', () => {
  const { headers } = deliveryOf({ topic: 't', partition: 0 }, record({ mark: Buffer.from('\u{FEFF}') }), false)
  expect(headers).toEqual({ mark: '\u{FEFF}' })
})
