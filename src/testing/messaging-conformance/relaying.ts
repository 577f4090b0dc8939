import assert from 'node:assert/strict'
import { outbox } from '../../outbox/outbox.ts'
import { relay } from '../../outbox/relay.ts'
import { type Desk, names, openDesk } from './desk.ts'
import type { MessagingCase, MessagingContext, RawMessage } from './harness.ts'
import type { Mishap } from './moments.ts'
import { inOrder, oneEffectEach } from './oracles.ts'
import { until } from './waiting.ts'

const group = 'relay'

async function add<Place, Tx>({ ledger, topic }: Desk<Place, Tx>, messages: readonly RawMessage[]): Promise<void> {
  const box = outbox<Tx>(ledger.store)
  await ledger.store.transaction((tx) =>
    box.add(
      tx,
      messages.map(({ id = '', body, orderingKey }) => ({
        id,
        body,
        topic: topic.topic,
        ...(orderingKey === undefined ? {} : { orderingKey }),
      })),
    ),
  )
}

const textOf = (id: string, orderingKey?: string): RawMessage => ({
  id,
  body: new TextEncoder().encode(`{"id":"${id}"}`),
  ...(orderingKey === undefined ? {} : { orderingKey }),
})

async function isSent<Place, Tx>({ ledger }: Desk<Place, Tx>): Promise<boolean> {
  return (await outbox<Tx>(ledger.store).stats()).waiting === 0
}

export const relayCases: readonly MessagingCase[] = [
  {
    name: 'a relay that is killed between sending and marking: sent again under the same ids, one effect each',
    group,
    ids: ['13', 'P4'],
    oracles: ['E1', 'A1'],
    needs: ['publisher', 'worker'],
    async run(context) {
      const desk = await openDesk(context)
      const ids = names('m', 40)
      await add(
        desk,
        ids.map((id) => textOf(id)),
      )
      const mishaps: readonly Mishap[] = [{ at: 'recorded', ids: ['m103', 'm117', 'm131'], do: 'kill', times: 3 }]
      const count = await desk.keepRestarting({ role: 'relay', mishaps }, () => isSent(desk))
      assert.equal(count, 4, 'the relay was not killed as planned')
      desk.consume()
      await desk.drained()
      oneEffectEach(await desk.rows(), ids)
      assert.deepEqual(await desk.parked(), [], 'the copies are the same byte for byte')
    },
  },
  {
    name: 'what the relay sends keeps the order of each ordering key, also when calls fail',
    group,
    ids: ['14', 'P8'],
    oracles: ['E1', 'O1', 'A1'],
    needs: ['publisher', 'ordering'],
    async run(context) {
      const desk = await openDesk(context, { ordered: true })
      const sent = names('', 12).flatMap((at) => ['x', 'y'].map((key) => textOf(`${key}${at}`, key)))
      await add(desk, sent)
      await relayUntilSent(context, desk, 3)
      desk.consume({ takesMs: 3 })
      await desk.drained()
      const rows = await desk.rows()
      oneEffectEach(
        rows,
        sent.map(({ id = '' }) => id),
      )
      inOrder(rows, sent)
    },
  },
]

/** The answer to every nth call is lost: the broker has the messages, but the relay does not know. */
async function relayUntilSent<Place, Tx>(
  { after }: MessagingContext<Place, Tx>,
  desk: Desk<Place, Tx>,
  loseEvery: number,
): Promise<void> {
  const { publish } = await desk.publisher()
  let calls = 0
  const relaying = relay({
    store: desk.ledger.store,
    batchSize: 6,
    pollMs: 10,
    backoffMs: 20,
    async publish(batch) {
      const results = await publish(batch)
      if (++calls % loseEvery === 0) throw new Error('the answer was lost')
      return results
    },
  })
  after(() => relaying.stop())
  relaying.start()
  await until('the outbox is empty', () => isSent(desk))
  await relaying.stop()
}
