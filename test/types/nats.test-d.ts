import type { JetStreamClient, JsMsg } from '@nats-io/jetstream'
import type { headers, NatsConnection as RealConnection } from '@nats-io/transport-node'
import { expectTypeOf, test } from 'vitest'
import type { Publisher } from '../../src/core/publisher.ts'
import type { Once } from '../../src/index.ts'
import {
  alreadyPublished,
  consume,
  type NatsConnection,
  type NatsHeaders,
  type NatsJetStream,
  type NatsMessage,
  publisher,
} from '../../src/messaging/nats.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'

test('the real client fits our structural types', () => {
  expectTypeOf<RealConnection>().toExtend<NatsConnection>()
  expectTypeOf<JetStreamClient>().toExtend<NatsJetStream>()
  expectTypeOf<JsMsg>().toExtend<NatsMessage>()
  expectTypeOf<ReturnType<typeof headers>>().toExtend<NatsHeaders>()
})

test('what is no client does not', () => {
  expectTypeOf<JetStreamClient>().not.toExtend<NatsConnection>()
  expectTypeOf<RealConnection>().not.toExtend<NatsJetStream>()
  expectTypeOf<Map<string, string[]>>().not.toExtend<NatsHeaders>()
})

test('a handler of a transactional store is given its transaction', () => {
  const client = {} as { connection: RealConnection; jetstream: JetStreamClient; headers: typeof headers }
  const once = {} as Once<SqliteTx>
  const rules = { name: 'n', stream: 'S', once, ...client } as const
  consume({
    ...rules,
    delivers: 'exactly-once-effect',
    handle(_message, tx) {
      expectTypeOf(tx).toEqualTypeOf<SqliteTx>()
    },
  })
  // @ts-expect-error a stream is required
  consume({ ...rules, stream: undefined, delivers: 'at-least-once', handle() {} })
})

test('a publisher is what a relay takes', () => {
  const client = {} as { jetstream: JetStreamClient; headers: typeof headers }
  expectTypeOf(publisher(client)).toEqualTypeOf<Publisher>()
  const asks = alreadyPublished({ jetstream: client.jetstream, stream: 'S', subject: (key) => `s.${key}` })
  expectTypeOf(asks).toEqualTypeOf<(key: string) => Promise<boolean>>()
})
