import type { Delivery } from '../../messaging/delivery.ts'
import { type Inbox, inbox } from '../../messaging/inbox.ts'
import type { Message } from '../../messaging/message.ts'
import { atomicEffect, leasedEffect } from './effects.ts'
import { VISIBILITY_MS } from './queue.ts'
import { CONSUMER, type SimCaller } from './scenario.ts'
import type { Process, Site } from './site.ts'

/** Names the caller in a delivery, for its effect: several may publish one message. */
const PUBLISHER = 'publisher'

export function deliveryOf({ name, key, fingerprint }: SimCaller): Omit<Delivery, 'redelivered'> {
  return {
    id: key.key,
    source: 'queue',
    body: new TextEncoder().encode(fingerprint),
    headers: { [PUBLISHER]: name },
  }
}

/** The inbox of this process for the scope of the message, made for the first one. */
export function inboxOf(site: Site, process: Process, { key }: SimCaller): Inbox {
  const scope = key.scope.split('/')[0] ?? ''
  const made = process.inboxes.get(scope) ?? makeInbox(site, process, scope)
  process.inboxes.set(scope, made)
  return made
}

function makeInbox(site: Site, { life, once, atomic }: Process, scope: string): Inbox {
  const { scenario, pipeline } = site
  const { leaseMs, maxRunMs, retentionMs } = scenario.call
  const rules = {
    name: CONSUMER,
    leaseMs,
    maxRunMs,
    retentionMs,
    visibilityMs: VISIBILITY_MS,
    backoffMs: 100,
    maxBackoffMs: 400,
    ...(scenario.promises.oneStart ? {} : { maxAttempts: 1000 }),
    fingerprint: ({ body }: Delivery) => new TextDecoder().decode(body),
  }
  const scoped = { options: { ...once.options, scope } }
  const publisherOf = ({ headers }: Message) =>
    scenario.callers.find(({ name }) => name === headers[PUBLISHER]) as SimCaller
  if (atomic === undefined) {
    return inbox({
      ...rules,
      once: { ...once, ...scoped },
      delivers: scenario.promises.oneStart ? 'at-most-once' : 'at-least-once',
      handle: (message, op) => leasedEffect(life, site, publisherOf(message))(op),
    })
  }
  return inbox({
    ...rules,
    once: Object.assign(Object.create(atomic) as typeof atomic, scoped),
    delivers: 'exactly-once-effect',
    handle: (message, tx, op) => {
      const caller = publisherOf(message)
      return atomicEffect(life, scenario, caller, pipeline?.telling(life, caller))(tx, op)
    },
  })
}
