import type { Consumer } from '../../../src/messaging/consumer.ts'

/** A consumer whose client needs a moment to connect; `close` ends the client when the consumer has stopped. */
export function later(opening: Promise<Consumer>, close: () => unknown): Consumer {
  let opened: Consumer | undefined
  let stopped: Promise<void> | undefined
  const known = opening.then((consumer) => {
    opened = consumer
    return consumer
  })
  // Told by `stop`.
  known.catch(() => {})
  const stop = () => {
    stopped ??= known.then((consumer) => consumer.stop()).finally(close)
    return stopped
  }
  return {
    stop,
    pause: async () => (await known).pause(),
    resume: () => void known.then((consumer) => consumer.resume()),
    readmit: async (...args) => (await known).readmit(...args),
    get running() {
      return opened?.running ?? 0
    },
    [Symbol.asyncDispose]: stop,
  }
}
