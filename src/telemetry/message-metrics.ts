import { Durations, escaped, linesOf, Values } from './families.ts'

/** What is used of the events of a consumer: its option `onEvent`. */
export type ConsumerHappening =
  | { readonly type: 'settled'; readonly verdict: { readonly kind: string }; readonly tookMs: number }
  | { readonly type: 'broker-failed'; readonly verb: string }

/** What is used of the events of a relay: its option `onEvent`. */
export type RelayHappening =
  | { readonly type: 'leading'; readonly leading: boolean }
  | { readonly type: 'published'; readonly count: number; readonly tookMs: number }
  | { readonly type: 'refused'; readonly parked: boolean }
  | { readonly type: 'publish-failed' }
  | { readonly type: 'store-failed' }

/** Counted from 0 on, so that also a first one is a rise. */
const VERDICTS = ['ack', 'retry', 'dead-letter', 'none']
const VERBS = ['receive', 'settle', 'extend']

/** What happens to the messages of consumers and relays, as metrics. */
export function messageMetrics() {
  const families = {
    messages: new Values('counter', 'messages_total', 'What the broker was told about messages.'),
    handled: new Durations('message_seconds', 'From the start of a message until the broker was told.'),
    broker: new Values('counter', 'broker_failures_total', 'Requests that the broker failed or did not answer.'),
    published: new Values('counter', 'published_total', 'Messages of the outbox that the broker has taken.'),
    publishing: new Durations('publish_seconds', 'How long calls of the publisher took.'),
    refused: new Values('counter', 'publish_refused_total', 'Messages of the outbox that the broker refused.'),
    unknown: new Values('counter', 'publish_failures_total', 'Calls of the publisher of which nothing is known.'),
    store: new Values('counter', 'relay_store_failures_total', 'Calls of the store that failed in a relay.'),
    leading: new Values('gauge', 'relay_leading', 'Whether the relay has the lease, and publishes.'),
  }
  return {
    consumer(name: string): (event: ConsumerHappening) => void {
      const { messages, broker } = families
      const consumer = `consumer="${escaped(name)}"`
      const handled = families.handled.of(consumer)
      const of = (verdict: string) => `${consumer},verdict="${escaped(verdict)}"`
      const failedIn = (verb: string) => `${consumer},verb="${escaped(verb)}"`
      for (const verdict of VERDICTS) messages.add(of(verdict), 0)
      for (const verb of VERBS) broker.add(failedIn(verb), 0)
      return (event) => {
        if (event.type === 'broker-failed') return broker.add(failedIn(event.verb))
        messages.add(of(event.verdict.kind))
        handled.record(event.tookMs / 1000)
      }
    },
    relay(name: string): (event: RelayHappening) => void {
      const { published, refused, unknown, store, leading } = families
      const relay = `relay="${escaped(name)}"`
      const publishing = families.publishing.of(relay)
      for (const family of [published, unknown, store]) family.add(relay, 0)
      for (const parked of [true, false]) refused.add(`${relay},parked="${parked}"`, 0)
      leading.add(relay, 0)
      return (event) => {
        switch (event.type) {
          case 'leading':
            return leading.set(relay, event.leading ? 1 : 0)
          case 'published':
            publishing.record(event.tookMs / 1000)
            return published.add(relay, event.count)
          case 'refused':
            return refused.add(`${relay},parked="${event.parked}"`)
          case 'publish-failed':
            return unknown.add(relay)
          case 'store-failed':
            return store.add(relay)
        }
      }
    },
    lines: () => linesOf(families),
  }
}
