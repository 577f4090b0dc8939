import type { AnyOnce } from '../core/once.ts'
import { checkEngine, checkedName, invalidKind } from '../core/option-rules.ts'
import { engineMetrics } from './engine-metrics.ts'
import type { MessageListeners } from './message-listeners.ts'
import { messageMetrics } from './message-metrics.ts'

/** What has happened in some engines, consumers and relays since `prometheus(…)` was called, as Prometheus reads it. */
export interface PrometheusMetrics extends MessageListeners {
  /** What was counted so far, in the text format 0.0.4. */
  text(): string
  /** For the answer's `Content-Type`. */
  readonly contentType: 'text/plain; version=0.0.4; charset=utf-8'
  /** Counts no more. */
  stop(): void
}

/**
 * Counts what happens to the operations of engines, for Prometheus to ask for. Each engine has a name, the label
 * `engine`. Keys and scopes are no labels: their number has no bound, and they may be private.
 * @throws OnlyonceError OPTION_INVALID
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function prometheus(engines: Readonly<Record<string, AnyOnce>>): PrometheusMetrics {
  const isEmpty = Object.keys(Object(engines)).length === 0
  if (typeof engines !== 'object' || Array.isArray(engines) || isEmpty)
    throw invalidKind('engines', 'must be an object of engines by name, such as { payments: once }', engines)
  for (const [name, engine] of Object.entries(engines)) {
    checkedName('engines', name)
    checkEngine(engine, `engines.${name}`)
  }
  const operations = engineMetrics()
  const messages = messageMetrics()
  let stopped = false
  const counting =
    <E>(heard: (event: E) => void) =>
    (event: E) => {
      if (!stopped) heard(event)
    }
  // Only now: an engine that is refused must leave no listener at those before it.
  const stops = Object.entries(engines).map(([name, engine]) => engine.on(operations.engine(name)))
  return {
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
    text: () => [...operations.lines(), ...messages.lines(), ''].join('\n'),
    consumer: (name) => counting(messages.listeners.consumer(checkedName('name', name))),
    relay: (name) => counting(messages.listeners.relay(checkedName('name', name))),
    stop() {
      stopped = true
      for (const stop of stops) stop()
    },
  }
}
