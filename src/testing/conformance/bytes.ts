import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { operationId } from '../../core/key.ts'
import {
  aValue,
  completion,
  done,
  fresh,
  granted,
  LONG_MS,
  named,
  rival,
  running,
  type StoreCase,
  sameBytes,
  sameResult,
} from './harness.ts'

const group = 'keys and bytes'

/** Names that databases, clients or careless code confuse with each other, truncate, or fail on. */
const AWKWARD = [
  'order',
  'Order',
  'ORDER',
  'order ',
  ' order',
  'order  ',
  'order\u0000',
  'order\u0000more',
  'order\n',
  'order\r\n',
  'order\t',
  '\u00f3rder',
  'o\u0301rder',
  '\uff4frder',
  'stra\u00dfe',
  'strasse',
  '\u0130',
  'i\u0307',
  '\u{1f600}',
  '\u{1f600}\u{1f3fd}',
  '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}',
  '\u200border',
  '\u202eredro',
  '\uffff',
  '\u{10ffff}',
  '%',
  '_',
  '*',
  '?',
  '[a]',
  '{order}',
  '}{',
  '\\',
  '\\x00',
  "'; drop table onlyonce; --",
  '"',
  '`',
  '$1',
  ':key',
  '0',
  '-0',
  '00',
  '1e1',
  'null-ish',
  '__proto__',
  'constructor',
  'x'.repeat(255),
  '\u{1f600}'.repeat(127),
] as const

const EVERY_BYTE = Uint8Array.from({ length: 256 }, (_, value) => value)
const BIG = Uint8Array.from({ length: 256 * 1024 }, (_, index) => (index * 31 + (index >> 8)) & 255)

export const byteCases: readonly StoreCase[] = [
  {
    name: 'keys that look alike are different operations, and each reads back as it was written',
    group,
    async run({ store, claim, find }) {
      const mark = randomUUID()
      const requests = AWKWARD.map((key) => named(mark, key))
      const outcomes = await store.claim(requests)
      for (const [index, request] of requests.entries()) {
        assert.equal(granted(outcomes[index]).attempt, 1, `key ${JSON.stringify(request.key)} is its own`)
        running(await claim(rival(request)))
        const record = await find(request.id)
        assert.deepEqual({ scope: record?.scope, key: record?.key }, { scope: mark, key: request.key })
      }
    },
  },
  {
    name: 'scopes that look alike are different operations, and each reads back as it was written',
    group,
    async run({ store, find }) {
      const mark = randomUUID()
      const requests = AWKWARD.map((scope) => named(scope, mark))
      for (const outcome of await store.claim(requests)) assert.equal(granted(outcome).attempt, 1)
      for (const request of requests) assert.equal((await find(request.id))?.scope, request.scope)
    },
  },
  {
    name: 'an operation is found by its id, never by its text: scope and key may be left out',
    group,
    async run({ claim, complete, find }) {
      const { scope: _, key: __, ...request } = fresh()
      const { lease } = granted(await claim(request))
      running(await claim(rival(request)))
      await complete(completion(lease, aValue('hashed')))
      const record = await find(request.id)
      assert.deepEqual([record?.scope, record?.key, record?.state], [undefined, undefined, 'done'])
      sameResult(done(await claim(rival(request))).result, aValue('hashed'))
    },
  },
  {
    name: 'two operations with the same text under different ids do not meet',
    group,
    async run({ claim }) {
      const request = fresh()
      granted(await claim(request))
      granted(await claim({ ...request, id: operationId('elsewhere', request.id) }))
    },
  },
  {
    name: 'a result of no bytes, of every byte and of 256 KiB comes back byte for byte',
    group,
    async run({ claim, complete, find }) {
      for (const body of [new Uint8Array(), new Uint8Array(1), EVERY_BYTE, BIG]) {
        const request = fresh()
        await complete(completion(granted(await claim(request)).lease, { kind: 'value', body }))
        sameBytes(done(await claim(rival(request))).result.body, body)
        sameBytes((await find(request.id))?.result?.body, body)
      }
    },
  },
  {
    name: 'steps of any name and any bytes come back as they were, in order',
    group,
    async run({ claim, renew, find }) {
      const request = fresh()
      const { lease } = granted(await claim(request))
      const results = [new Uint8Array(), EVERY_BYTE, BIG]
      const steps = [...AWKWARD, '\ud800', '\udfff', '"\\ud800"'].map((name, index) => ({
        name,
        result: results[index % 2] as Uint8Array,
      }))
      steps.push({ name: 'big', result: BIG })
      assert.equal(await renew({ lease, leaseMs: LONG_MS, retentionMs: LONG_MS, steps }), 'ok')
      for (const read of [granted(await claim(request)).steps, (await find(request.id))?.steps ?? []]) {
        assert.deepEqual(
          read.map((step) => step.name),
          steps.map((step) => step.name),
        )
        for (const [index, step] of steps.entries()) sameBytes(read[index]?.result, step.result)
      }
    },
  },
  {
    name: 'bytes are copied on the way in: a Buffer that is used again does not change the record',
    group,
    async run({ claim, renew, complete, find }) {
      const request = fresh()
      const { lease } = granted(await claim(request))
      const result = Buffer.from('step')
      const steps = [{ name: 'one', result }]
      await renew({ lease, leaseMs: LONG_MS, retentionMs: LONG_MS, steps })
      result.fill(0)
      steps.push({ name: 'two', result })
      const saved = (await find(request.id))?.steps
      assert.equal(saved?.length, 1)
      sameBytes(saved?.[0]?.result, new Uint8Array(Buffer.from('step')))
      const body = Buffer.from('body')
      await complete(completion(lease, { kind: 'value', body }))
      body.fill(0)
      sameBytes((await find(request.id))?.result?.body, new Uint8Array(Buffer.from('body')))
    },
  },
  {
    name: 'bytes are copied on the way out: writing to an answer does not change the record',
    group,
    async run({ store, claim, renew, complete, find }) {
      const request = fresh()
      const { lease } = granted(await claim(request))
      const result = new Uint8Array(Buffer.from('step'))
      await renew({ lease, leaseMs: LONG_MS, retentionMs: LONG_MS, steps: [{ name: 'one', result: result.slice() }] })
      granted(await claim(request)).steps[0]?.result.fill(0)
      ;(await find(request.id))?.steps[0]?.result.fill(0)
      sameBytes((await find(request.id))?.steps[0]?.result, result)
      await complete(completion(lease, aValue('body')))
      done(await claim(request)).result.body.fill(0)
      ;(await find(request.id))?.result?.body.fill(0)
      for (const record of (await store.list({ limit: 100 })).items) record.result?.body.fill(0)
      sameResult(done(await claim(request)).result, aValue('body'))
    },
  },
]
