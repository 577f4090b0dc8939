import type { OnceEvent } from '../core/events.ts'
import type { AnyOnce } from '../core/once.ts'
import { checkEngine, checkedName, invalidKind } from '../core/option-rules.ts'
import { Histogram } from './histogram.ts'

/** Counted from 0 on, so that also a first one is a rise. */
const EVENT_TYPES = [
  ...(['claimed', 'abandoned', 'executed', 'failed', 'replayed', 'in-flight', 'mismatch'] as const),
  ...(['lease-lost', 'unknown', 'unprotected', 'store-failed'] as const),
]

export interface PrometheusMetrics {
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
  if (typeof engines !== 'object' || engines === null || Object.keys(engines).length === 0)
    throw invalidKind('engines', 'must be an object of engines by name, such as { payments: once }', engines)
  const counted = Object.entries(engines).map(([name, engine]) => {
    checkedName('engines', name)
    checkEngine(engine)
    const counts = new Counts(name)
    return { counts, stop: engine.on(counts.heard) }
  })
  const all = (part: (counts: Counts) => readonly string[]) => counted.flatMap(({ counts }) => part(counts))
  return {
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
    text: () =>
      [
        ...head('events_total', 'counter', 'What happened to operations.'),
        ...all((counts) => counts.events()),
        ...head('store_failures_total', 'counter', 'Calls of the store that failed for good.'),
        ...all((counts) => counts.failures()),
        ...head('claim_seconds', 'histogram', 'How long granted claims took.'),
        ...all((counts) => counts.claims()),
        ...head('effect_seconds', 'histogram', 'How long effects took.'),
        ...all((counts) => counts.effects()),
        '',
      ].join('\n'),
    stop() {
      for (const { stop } of counted) stop()
    },
  }
}

class Counts {
  readonly #engine: string
  readonly #events = new Map<string, number>(EVENT_TYPES.map((type) => [type, 0]))
  readonly #failures = new Map<string, number>()
  readonly #claims = new Histogram()
  readonly #effects = { executed: new Histogram(), failed: new Histogram() }

  constructor(engine: string) {
    this.#engine = `engine="${escaped(engine)}"`
  }

  readonly heard = (event: OnceEvent): void => {
    add(this.#events, event.type)
    if (event.type === 'claimed') this.#claims.record(event.tookMs / 1000)
    if (event.type === 'executed' || event.type === 'failed') this.#effects[event.type].record(event.tookMs / 1000)
    if (event.type === 'store-failed') add(this.#failures, `verb="${escaped(event.verb)}",code="${event.code}"`)
  }

  events(): readonly string[] {
    return [...this.#events].map(([type, count]) => `onlyonce_events_total{${this.#engine},type="${type}"} ${count}`)
  }

  failures(): readonly string[] {
    return [...this.#failures].map(
      ([labels, count]) => `onlyonce_store_failures_total{${this.#engine},${labels}} ${count}`,
    )
  }

  claims(): readonly string[] {
    return this.#claims.lines('onlyonce_claim_seconds', this.#engine)
  }

  effects(): readonly string[] {
    const of = (outcome: 'executed' | 'failed') =>
      this.#effects[outcome].lines('onlyonce_effect_seconds', `${this.#engine},outcome="${outcome}"`)
    return [...of('executed'), ...of('failed')]
  }
}

function head(name: string, type: string, help: string): readonly string[] {
  return [`# HELP onlyonce_${name} ${help}`, `# TYPE onlyonce_${name} ${type}`]
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' }

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => ESCAPES[char] as string)
}
