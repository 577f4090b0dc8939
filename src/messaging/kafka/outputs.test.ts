import { expect, it } from 'vitest'
import { recordsOf } from './outputs.ts'

const of = (given: unknown) => recordsOf({ topic: 't', partition: 1 }, '7', given)

it('an output has the place of its input as id, and its id as key', () => {
  expect(of([{ topic: 'out', body: 'a' }])).toEqual([
    ['out', { key: 't/1/7/0', value: 'a', headers: { 'onlyonce-id': 't/1/7/0' } }],
  ])
})

it('takes what kafkajs sends, and no header for the id', () => {
  const headers = { bytes: Buffer.from('b'), several: ['c', 'd'], none: undefined, 'onlyonce-id': 'other' }
  const [[, record] = []] = of([{ topic: 'out', body: Uint8Array.of(1), key: Buffer.from('k'), id: 'i', headers }])
  expect(record).toEqual({
    ...{ key: Buffer.from('k'), value: Buffer.from([1]) },
    headers: { ...headers, 'onlyonce-id': 'i' },
  })
})

it.each([
  [null, 'the handler returned null: it has to return a list of outputs'],
  ['text', 'the handler returned a string: it has to return a list of outputs'],
  [[{ topic: 'out', body: 'a' }, null], 'output 1 needs a `topic` that Kafka allows; got undefined'],
  [[{ topic: '..', body: '' }], 'output 0 needs a `topic` that Kafka allows; got ".."'],
  [[{ topic: 'out' }], 'output 0 needs a `body` of text or bytes; got undefined'],
  [[{ topic: 'out', body: '', headers: { a: ['b', 5] } }], 'output 0 needs a header `a` of text or bytes; got b,5'],
])('refuses %j', (given, message) => {
  expect(() => of(given)).toThrow(new Error(message))
})
