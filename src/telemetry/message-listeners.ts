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

/** Counts messages: what it returns is passed to consumers, processors and relays as `onEvent`. */
export interface MessageListeners {
  /**
   * Returns what counts the messages of a consumer, for its option `onEvent`. The name is the label `consumer`; several
   * of one name are counted together.
   * @throws OnlyonceError OPTION_INVALID
   */
  consumer(name: string): (event: ConsumerHappening) => void
  /**
   * Returns what counts the messages that a relay publishes, for its option `onEvent`. The name is the label `relay`.
   * @throws OnlyonceError OPTION_INVALID
   */
  relay(name: string): (event: RelayHappening) => void
}

export type Labels = Readonly<Record<string, string>>

/** Makes what numbers are given to. Names go without `onlyonce`, in words joined by `_`. */
export interface Instruments {
  counter(name: string, help: string): (labels: Labels, by: number) => void
  durations(name: string, help: string): (labels: Labels) => (seconds: number) => void
  /** Whether something is so: 1 or 0. */
  state(name: string, help: string): (labels: Labels) => (isSo: boolean) => void
}

/** Counted from 0 on, so that also a first one is a rise. */
const VERDICTS = ['ack', 'retry', 'dead-letter', 'none']
const VERBS = ['receive', 'settle', 'extend']

/** What happens to the messages of consumers and relays, as numbers. */
export function messageListeners({ counter, durations, state }: Instruments): MessageListeners {
  const messages = counter('messages', 'What the broker was told about messages.')
  const handled = durations('message', 'From the start of a message until the broker was told.')
  const broker = counter('broker_failures', 'Requests that the broker failed or did not answer.')
  const published = counter('published', 'Messages of the outbox that the broker has taken.')
  const publishing = durations('publish', 'How long calls of the publisher took.')
  const refused = counter('publish_refused', 'Messages of the outbox that the broker refused.')
  const unknown = counter('publish_failures', 'Calls of the publisher of which nothing is known.')
  const store = counter('relay_store_failures', 'Calls of the store that failed in a relay.')
  const leading = state('relay_leading', 'Whether the relay has the lease, and publishes.')
  return {
    consumer(name) {
      const consumer = { consumer: name }
      const took = handled(consumer)
      for (const verdict of VERDICTS) messages({ ...consumer, verdict }, 0)
      for (const verb of VERBS) broker({ ...consumer, verb }, 0)
      return (event) => {
        if (event.type === 'broker-failed') return broker({ ...consumer, verb: event.verb }, 1)
        messages({ ...consumer, verdict: event.verdict.kind }, 1)
        took(event.tookMs / 1000)
      }
    },
    relay(name) {
      const relay = { relay: name }
      const took = publishing(relay)
      const leads = leading(relay)
      for (const count of [published, unknown, store]) count(relay, 0)
      for (const parked of ['true', 'false']) refused({ ...relay, parked }, 0)
      return (event) => {
        switch (event.type) {
          case 'leading':
            return leads(event.leading)
          case 'published':
            took(event.tookMs / 1000)
            return published(relay, event.count)
          case 'refused':
            return refused({ ...relay, parked: String(event.parked) }, 1)
          case 'publish-failed':
            return unknown(relay, 1)
          case 'store-failed':
            return store(relay, 1)
        }
      }
    },
  }
}
