import type { Verdict } from '../../messaging/inbox.ts'
import { deliveryOf, inboxOf } from './consumer.ts'
import type { SimEvent } from './event-queue.ts'
import { VISIBILITY_MS } from './queue.ts'
import type { SimCaller } from './scenario.ts'
import { awake, type Site } from './site.ts'
import { judgeVerdict } from './verdicts.ts'
import { overTheWire } from './wire.ts'
import type { Life } from './worker.ts'

/** A message on its way. */
interface Parcel {
  deliveries: number
  /** The next delivery, or the moment at which the message becomes visible again. */
  due: SimEvent
  over: boolean
}

/** Publishes one message and delivers it, at least once, until it is settled. */
export function startMessage(site: Site, message: SimCaller, settled: (message: SimCaller) => void): void {
  const { world } = site
  const deliverIn = (ms: number) => world.after(ms, `${message.name} is due`, deliver)
  const parcel: Parcel = { deliveries: 0, due: deliverIn(message.firstAskAt), over: false }

  function deliver(): void {
    if (parcel.over) return
    const life = awake(site)
    if (life === undefined) {
      hide(world.dice.between(100, 300))
      return
    }
    const nth = ++parcel.deliveries
    if (nth > 1) world.count('state: redelivered')
    hide(VISIBILITY_MS)
    // The network delivers twice, at once or later, without the broker's knowledge.
    if (world.plan.send('deliver')?.kind === 'sent-again') {
      world.count('fault: duplicate delivery')
      hand(awake(site), nth, world.dice.between(0, 600))
    }
    hand(life, nth, world.dice.between(1, 8))
  }

  function hide(ms: number): void {
    parcel.due.cancelled = true
    parcel.due = deliverIn(ms)
  }

  function hand(life: Life | undefined, nth: number, ms: number): void {
    if (life === undefined) return
    const take = async () => {
      const receive = inboxOf(site, site.process(life), message)
      const verdict = await receive({ ...deliveryOf(message), redelivered: nth > 1, extend: extending(life, nth) })
      judgeVerdict(world, site.judge, site.scenario, message, verdict)
      await overTheWire(life, verdict.kind === 'ack' ? 'ack' : 'nack', async () => settle(nth, verdict)).catch(() => {})
    }
    world.delayed(ms, `${message.name} is delivered`, () => void take(), life)
  }

  const extending = (life: Life, nth: number) => (ms: number) =>
    overTheWire(life, 'extend', async (): Promise<'ok' | 'lost'> => {
      if (parcel.over || nth !== parcel.deliveries) return 'lost'
      hide(ms)
      return 'ok'
    })

  function settle(nth: number, verdict: Verdict): void {
    if (parcel.over || verdict.kind === 'none') return
    if (nth !== parcel.deliveries && !(verdict.kind === 'ack' && site.scenario.takesStaleAcks)) return
    if (verdict.kind === 'retry') {
      hide(verdict.delayMs)
      return
    }
    parcel.over = true
    parcel.due.cancelled = true
    settled(message)
  }
}
