import { expect, it } from 'vitest'
import type { Omitted } from './call.ts'
import { fromStored, toStored } from './stored-reply.ts'

const headers = [['content-type', 'text/plain']] as const

it('what a person resolved without an answer is marked as not known, and as nothing else', () => {
  expect(fromStored(undefined)).toEqual({ status: 200, headers: [], body: undefined, omitted: 'not-known' })
})

it.each(['too-long', 'event-stream', 'cut-off', 'not-redacted', 'not-known'] satisfies Omitted[])(
  'a stored answer says why its bytes are not there: %s',
  (omitted) => {
    const stored = toStored({ status: 201, headers, body: undefined, omitted }, new Set(['content-type']))
    expect(stored).toEqual({ status: 201, headers, omitted })
    expect(fromStored(stored)).toEqual({ status: 201, headers, body: undefined, omitted })
  },
)

it('another mark is of nobody who writes such records', () => {
  expect(() => fromStored({ status: 201, headers, omitted: 'lost' })).toThrow(/not an HTTP answer/)
})
