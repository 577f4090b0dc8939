import { invalidKind } from '../core/option-rules.ts'
import { BOUNDS_S } from './histogram.ts'

export type Attributes = Record<string, string | number>

export interface Instrument {
  readonly description: string
  readonly unit: string
  readonly advice?: { explicitBucketBoundaries?: number[] }
}

interface TelemetryCounter {
  add(value: number, attributes: Attributes): void
}

/** The part of a `Meter` of `@opentelemetry/api` that is used. */
export interface TelemetryMeter {
  createCounter(name: string, options: Instrument): TelemetryCounter
  createUpDownCounter(name: string, options: Instrument): TelemetryCounter
  createHistogram(name: string, options: Instrument): { record(value: number, attributes: Attributes): void }
}

/** @throws OnlyonceError OPTION_INVALID */
export function checkMeter(meter: unknown): void {
  if (typeof Object(meter).createCounter === 'function') return
  throw invalidKind('meter', 'must be a meter of OpenTelemetry: metrics.getMeter(name)', meter)
}

/** With the same buckets as for Prometheus. */
export function inSeconds(description: string): Instrument {
  return { description, unit: 's', advice: { explicitBucketBoundaries: [...BOUNDS_S] } }
}
