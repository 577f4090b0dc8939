import { checkedName } from '../core/option-rules.ts'
import { type Labels, type MessageListeners, messageListeners } from './message-listeners.ts'
import { checkMeter, inSeconds, type TelemetryMeter } from './meter.ts'

/**
 * Hands what happens to the messages of consumers and relays to OpenTelemetry, as counters and durations: for their
 * option `onEvent`. Their effects have spans by `openTelemetry`, and what is counted here says nothing of their content.
 * @param meter `metrics.getMeter('onlyonce')` of `@opentelemetry/api`
 * @throws OnlyonceError OPTION_INVALID
 */
export function openTelemetryMessages(meter: TelemetryMeter): MessageListeners {
  checkMeter(meter)
  const { consumer, relay } = messageListeners({
    counter(name, description) {
      const counter = meter.createCounter(dotted(name), { description, unit: '{message}' })
      return (labels, by) => counter.add(by, attributesOf(labels))
    },
    durations(name, description) {
      const histogram = meter.createHistogram(`${dotted(name)}.duration`, inSeconds(description))
      return (labels) => {
        const attributes = attributesOf(labels)
        return (seconds) => histogram.record(seconds, attributes)
      }
    },
    state(name, description) {
      const counter = meter.createUpDownCounter(dotted(name), { description, unit: '{relay}' })
      return (labels) => {
        const attributes = attributesOf(labels)
        let was = false
        counter.add(0, attributes)
        return (isSo) => {
          if (isSo !== was) counter.add(isSo ? 1 : -1, attributes)
          was = isSo
        }
      }
    },
  })
  return {
    consumer: (name) => consumer(checkedName('name', name)),
    relay: (name) => relay(checkedName('name', name)),
  }
}

const dotted = (name: string): string => `onlyonce.${name.replaceAll('_', '.')}`

function attributesOf(labels: Labels): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [`onlyonce.${name}`, value]))
}
