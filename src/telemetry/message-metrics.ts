import { Durations, escaped, type Family, linesOf, Values } from './families.ts'
import { type Labels, type MessageListeners, messageListeners } from './message-listeners.ts'

/** What happens to the messages of consumers and relays, in the text format of Prometheus. */
export function messageMetrics(): { listeners: MessageListeners; lines(): readonly string[] } {
  const families: Family[] = []
  const keep = <F extends Family>(family: F): F => {
    families.push(family)
    return family
  }
  const listeners = messageListeners({
    counter(name, help) {
      const values = keep(new Values('counter', `${name}_total`, help))
      return (labels, by) => values.add(textOf(labels), by)
    },
    durations(name, help) {
      const family = keep(new Durations(`${name}_seconds`, help))
      return (labels) => {
        const histogram = family.of(textOf(labels))
        return (seconds) => histogram.record(seconds)
      }
    },
    state(name, help) {
      const values = keep(new Values('gauge', name, help))
      return (labels) => {
        const text = textOf(labels)
        values.add(text, 0)
        return (isSo) => values.set(text, isSo ? 1 : 0)
      }
    },
  })
  return { listeners, lines: () => linesOf(families) }
}

function textOf(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',')
}
